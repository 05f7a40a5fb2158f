/**
 * Every fuzz target: one a parser.
 *
 * @module
 */
import type { Target } from '../target.ts';
import { commandTargets } from './commands.ts';
import { recordTargets } from './records.ts';
import { wireTargets } from './wire.ts';

export const targets: readonly Target[] = [...wireTargets, ...commandTargets, ...recordTargets];
