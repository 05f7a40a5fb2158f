/**
 * Trees as an attacker's own encoder writes them: no order, no rules. And the server that believes them: it lays out what it is told,
 * where it is told to, which is what makes such a tree an attack.
 *
 * @module
 */
import { createHash } from 'node:crypto';
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

export type RawEntry =
  | { readonly path: string | Buffer; readonly kind: 'file'; readonly content: string }
  | { readonly path: string | Buffer; readonly kind: 'link'; readonly target: string }
  | { readonly path: string | Buffer; readonly kind: 'directory' };

const u16 = (value: number): Buffer => Buffer.from([value >> 8, value & 0xff]);

/** The same layout as a valid tree, with no path shared and nothing checked. */
export const encodeRaw = (entries: readonly RawEntry[]): Buffer => {
  const count = Buffer.alloc(4);
  count.writeUInt32BE(entries.length);
  return Buffer.concat([Buffer.from('WTR1'), count, ...entries.flatMap((entry): Buffer[] => {
    const path = Buffer.from(entry.path);
    const head = [u16(0), u16(path.length), path];
    if (entry.kind === 'directory') return [...head, Buffer.from([3])];
    if (entry.kind === 'link') return [...head, Buffer.from([2]), u16(Buffer.byteLength(entry.target)), Buffer.from(entry.target)];
    const size = Buffer.alloc(8);
    size.writeBigUInt64BE(BigInt(Buffer.byteLength(entry.content)));
    return [...head, Buffer.from([1]), createHash('sha256').update(entry.content).digest(), size, u16(0)];
  })]);
};

/** Lays entries out below `root` as a server would that checks nothing. */
export const layCarelessly = (root: string, entries: readonly RawEntry[]): void => {
  rmSync(root, { recursive: true, force: true });
  mkdirSync(root, { recursive: true });
  for (const entry of entries) {
    const place = `${root}${entry.path.toString()}`;
    if (entry.kind === 'directory') mkdirSync(place, { recursive: true });
    else {
      mkdirSync(dirname(place), { recursive: true });
      if (entry.kind === 'link') symlinkSync(entry.target, place);
      else writeFileSync(place, entry.content);
    }
  }
};
