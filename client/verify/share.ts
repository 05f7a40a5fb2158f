/**
 * The setting `verify`: which share of jobs is compiled twice.
 *
 * @module
 */
import { randomInt } from 'node:crypto';

/** `1%`, `0.5%`, `100%`: as it is written in client.jsonc and WARDCC_VERIFY. */
export const sharePattern = '^(100|[0-9]{1,2}(\\.[0-9]{1,4})?)%$';

const steps = 1_000_000;

/** From 0 to 1; undefined for what is no share. */
export const parseShare = (text: string): number | undefined => (new RegExp(sharePattern).test(text) ? Number(text.slice(0, -1)) / 100 : undefined);

/** Is it this job's turn? Servers cannot foresee it. */
export const isDrawn = (share: number): boolean => share > 0 && randomInt(steps) < share * steps;
