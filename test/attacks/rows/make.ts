/**
 * What most attacks have in common: one source, compiled to one object.
 *
 * @module
 */
import type { Attack, Compiler, Family } from '../types.ts';

export type Row = Pick<Attack, 'id' | 'tries' | 'argv' | 'wall'> & Partial<Attack>;

export const both: readonly Compiler[] = ['gcc', 'clang'];
export const gcc: readonly Compiler[] = ['gcc'];
export const clang: readonly Compiler[] = ['clang'];

export const source = 'int attacked;\n';

/** Rows of one family; what a row does not say is a plain compile of `a.c`. */
export const family = (name: Family, common: Partial<Attack>, rows: readonly Row[]): Attack[] =>
  rows.map(
    (row) => ({ family: name, compilers: both, sign: 'read', ...common, ...row, files: { 'a.c': source, ...common.files, ...row.files } })
  );

/** `-c a.c -o a.o` with these options before. */
export const compile = (...options: string[]): string[] => [...options, '-c', 'a.c', '-o', 'a.o'];
