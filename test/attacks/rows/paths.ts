/**
 * Attacks made of names: paths that no client may have, and trees that are none.
 *
 * @module
 */
import type { Attack } from '../types.ts';

export const paths: readonly Attack[] = [];
