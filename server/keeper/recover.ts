/**
 * Where the chain goes on when the keeper starts.
 *
 * What always holds: a line that was torn by a crash is moved aside, never deleted, and never continued; a log whose last file does not
 * verify is not continued at all, because the records after the damage would seem to vouch for it.
 *
 * @module
 */
import { createHash } from 'node:crypto';
import { closeSync, fsyncSync, ftruncateSync, openSync, readdirSync, readSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { WardError } from '../../protocol/errors.ts';
import { chainStart, firstSeqOf, parseLine, type ChainEnd } from '../../policy/log/record.ts';
import { readLines } from '../../policy/log/verify.ts';

export interface Recovered {
  readonly end: ChainEnd;
  /** The file to go on with; undefined: begin one. */
  readonly file: string | undefined;
  /** What had to be done, for the log and the administrator. */
  readonly sayings: readonly string[];
}

const damaged = (file: string, line: number, what: string): WardError =>
  new WardError(
    'log-unavailable',
    `The decision log is damaged (${file}:${line}: ${what}), so it is not continued. ` +
      'Keep the directory as evidence, move it away, and start with an empty one.',
    { at: `${file}:${line}` },
  );

/** Reads the newest file that has a record, checks it, and moves torn bytes aside. Throws `log-unavailable`. */
export const recoverLog = async (directory: string): Promise<Recovered> => {
  const names = readdirSync(directory)
    .filter((name) => firstSeqOf(name) !== undefined)
    .sort();
  const sayings: string[] = [];
  for (const [index, name] of names.entries().toArray().toReversed()) {
    const file = join(directory, name);
    const firstSeq = firstSeqOf(name)!;
    const { end, goodBytes } = await readChain(file, firstSeq);
    const torn = statSync(file).size - goodBytes;
    if (torn > 0) sayings.push(moveAside(directory, file, goodBytes, torn, (end?.seq ?? firstSeq - 1) + 1));
    if (end !== undefined) return { end, file: index === names.length - 1 ? name : undefined, sayings };
    if (index < names.length - 1) throw damaged(file, 1, 'the file has no record, and another follows');
    // A crash between making the newest file and its first record: nothing is in it.
    unlinkSync(file);
  }
  return { end: chainStart, file: undefined, sayings };
};

const readChain = async (file: string, firstSeq: number): Promise<{ end: ChainEnd | undefined; goodBytes: number }> => {
  let end: ChainEnd | undefined;
  let goodBytes = 0;
  let line = 0;
  for await (const { bytes, complete } of readLines(file)) {
    if (!complete) break;
    line += 1;
    const parsed = parseLine(bytes);
    if (typeof parsed === 'string') throw damaged(file, line, parsed);
    if (parsed.seq !== (end === undefined ? firstSeq : end.seq + 1) || (end !== undefined && parsed.prev !== end.hash))
      throw damaged(file, line, `record ${parsed.seq} does not follow the one before it`);
    end = { seq: parsed.seq, hash: parsed.hash };
    goodBytes += bytes.length + 1;
  }
  return { end, goodBytes };
};

/** Copies the bytes after the last whole line to a file of their own, on disk, before they are cut off. */
const moveAside = (directory: string, file: string, start: number, length: number, seq: number): string => {
  const bytes = Buffer.alloc(length);
  const fd = openSync(file, 'r+');
  try {
    const read = readSync(fd, bytes, 0, length, start);
    const digest = createHash('sha256').update(bytes.subarray(0, read)).digest('hex');
    const aside = `torn-${String(seq).padStart(16, '0')}-${digest.slice(0, 16)}.bytes`;
    writeFileSync(join(directory, aside), bytes.subarray(0, read), { mode: 0o640, flush: true });
    ftruncateSync(fd, start);
    fsyncSync(fd);
    return `${read} bytes of an incomplete record ${seq} were moved to ${aside}`;
  } finally {
    closeSync(fd);
  }
};
