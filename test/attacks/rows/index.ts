/**
 * Every attack, in the order of the table, and the cases they make: one for each compiler on which an attack works.
 *
 * @module
 */
import type { Attack, Case } from '../types.ts';
import { exhaust } from './exhaust.ts';
import { paths } from './paths.ts';
import { read } from './read.ts';
import { runCode } from './run-code.ts';
import { slip } from './slip.ts';
import { write } from './write.ts';

export const attacks: readonly Attack[] = [...runCode, ...read, ...write, ...slip, ...exhaust, ...paths];

export const nameOf = ({ family, id }: Attack): string => `${family.replaceAll(' ', '-')}/${id}`;

export const casesOf = (some: readonly Attack[]): Case[] =>
  some.flatMap((attack) => attack.compilers.map((compiler): Case => ({ name: `${nameOf(attack)} (${compiler})`, attack, compiler })));
