/**
 * The order of a file's revisions, where its authors count them: a comment says `serial: 42`, or Subversion or CVS expands
 * `$Revision: 42 $` in one. A digest tells that two revisions differ, and never which of them is newer; the number does.
 *
 * @module
 */
import { WardError } from '../../protocol/errors.ts';
import { readBounded, type ReadFile } from '../jsonc.ts';
import type { CommitterReader, Membership, Order } from './source.ts';

/** Comments at the top, where a person looks for a number. */
const linesLookedAt = 64;

const counted = /^\s*#.*?(?:\bserial\s*[:=]?\s*|\$(?:Revision|Rev|LastChangedRevision):\s*)([0-9]{1,15}(?:\.[0-9]{1,15}){0,15})(?![0-9.])/i;

/** The revision's number (1.24 is [1, 24]). @throws WardError `config-invalid` when no comment at the top has one */
export const readOrder = (bytes: Buffer, file: string): readonly number[] => {
  for (const line of bytes.toString('latin1').split('\n', linesLookedAt)) {
    const [, number] = counted.exec(line) ?? [];
    if (number !== undefined) return number.split('.').map(Number);
  }
  const sentence = `${file}:1:1: the policy says that revisions of this file are ordered, but no comment at its top has "serial: NUMBER"`;
  throw new WardError('config-invalid', sentence, { at: `${file}:1:1` });
};

/** Is any part of a revision older than what was known? */
export const isOlder = (next: Order, known: Order): boolean =>
  Object.entries(known).some(([part, before]) => {
    const after = next[part];
    return after !== undefined && compare(after, before) < 0;
  });

const compare = (a: readonly number[], b: readonly number[]): number => {
  for (let at = 0; at < Math.max(a.length, b.length); at++) {
    const difference = (a[at] ?? 0) - (b[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
};

export const printOrder = (order: Order): string => Object.values(order).map((numbers) => numbers.join('.')).join(', ');

/** A reader whose `files` all carry their number. `make` gets the function to read with: the number is of the very bytes that were used. */
export const orderedReader = (
  files: readonly string[], make: (readFile: ReadFile) => CommitterReader, readFile: ReadFile = readBounded,
): CommitterReader => {
  const order: Record<string, readonly number[]> = {};
  const reader = make(async (path, maxBytes) => {
    const bytes = await readFile(path, maxBytes);
    if (files.includes(path)) order[path] = readOrder(bytes, path);
    return bytes;
  });
  return {
    kind: reader.kind,
    get files() {
      return reader.files;
    },
    async read(): Promise<Membership> {
      const membership = await reader.read();
      return {
        revision: membership.revision,
        order: { ...order },
        has: (name) => membership.has(name),
        get names() {
          return membership.names;
        },
        nextChange: (now) => membership.nextChange?.(now),
      };
    },
  };
};
