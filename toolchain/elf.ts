/**
 * The few facts about an ELF file that say what else it needs to run: interpreter, needed libraries and where its author
 * says they lie. Only the pieces that hold these facts are read, with a bound on each, so a damaged file ends in a sentence.
 * The file is never run: `ldd` would run it.
 *
 * @module
 */

import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { WardError } from '../protocol/errors.ts';

/** Random access to the bytes of a file. */
export interface ByteSource {
  readonly size: number;
  /** Exactly `length` bytes at `offset`, or throws. */
  read(offset: number, length: number): Buffer;
}

export interface ElfFile {
  readonly bits: 32 | 64;
  /** `e_machine`: 62 is x86-64, 183 is AArch64. */
  readonly machine: number;
  /** `e_type`: 2 is an executable, 3 a shared object (or a position independent executable). */
  readonly type: number;
  readonly interpreter?: string;
  /** `DT_NEEDED`, in order. */
  readonly needed: readonly string[];
  /** `DT_RPATH` as written; it counts only where there is no runpath. */
  readonly rpath?: string;
  /** `DT_RUNPATH` as written, `$ORIGIN` included. */
  readonly runpath?: string;
}

const MAX_PROGRAM_HEADERS = 512;
const MAX_DYNAMIC_BYTES = 256 * 1024;
const MAX_STRING = 4096;
const MAX_NEEDED = 512;

const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const PT_INTERP = 3;
const DT_NULL = 0n;
const DT_NEEDED = 1n;
const DT_STRTAB = 5n;
const DT_STRSZ = 10n;
const DT_RPATH = 15n;
const DT_RUNPATH = 29n;

interface Segment {
  type: number;
  offset: number;
  address: number;
  fileSize: number;
}

const bad = (why: string): WardError => new WardError('toolchain-unknown', `This is not a usable ELF file: ${why}.`);

/** A number that indexes a file, or an error: nothing of a hostile size is ever used as an offset. */
const toIndex = (value: bigint, size: number): number => {
  if (value < 0n || value > BigInt(size)) throw bad('an offset points outside the file');
  return Number(value);
};

const programHeaders = (source: ByteSource, header: Buffer, bits: 32 | 64): Segment[] => {
  const start = bits === 64 ? header.readBigUInt64LE(32) : BigInt(header.readUInt32LE(28));
  const entrySize = header.readUInt16LE(bits === 64 ? 54 : 42);
  const count = header.readUInt16LE(bits === 64 ? 56 : 44);
  if (count > MAX_PROGRAM_HEADERS) throw bad('too many program headers');
  if (count > 0 && entrySize < (bits === 64 ? 56 : 32)) throw bad('program headers are too short');
  const bytes = source.read(toIndex(start, source.size), entrySize * count);
  const segments: Segment[] = [];
  for (let i = 0; i < count; i++) {
    const at = i * entrySize;
    const type = bytes.readUInt32LE(at);
    if (type !== PT_LOAD && type !== PT_DYNAMIC && type !== PT_INTERP) continue;
    const word = (wide: number, narrow: number): bigint =>
      bits === 64 ? bytes.readBigUInt64LE(at + wide) : BigInt(bytes.readUInt32LE(at + narrow));
    const address = word(16, 8);
    if (address > BigInt(Number.MAX_SAFE_INTEGER)) throw bad('an address is out of range');
    const [offset, fileSize] = [toIndex(word(8, 4), source.size), toIndex(word(32, 16), source.size)];
    segments.push({ type, offset, address: Number(address), fileSize });
  }
  return segments;
};

/** The text from `at` to the next NUL. */
const stringAt = (table: Buffer, at: bigint): string => {
  const start = toIndex(at, table.length);
  const end = table.indexOf(0, start);
  if (end < 0 || end - start > MAX_STRING) throw bad('a name has no end');
  return table.toString('utf8', start, end);
};

const dynamicEntries = (source: ByteSource, segment: Segment, bits: 32 | 64): [bigint, bigint][] => {
  if (segment.fileSize > MAX_DYNAMIC_BYTES) throw bad('the dynamic section is too large');
  const bytes = source.read(segment.offset, segment.fileSize);
  const step = bits === 64 ? 16 : 8;
  const entries: [bigint, bigint][] = [];
  for (let at = 0; at + step <= bytes.length; at += step) {
    const tag = bits === 64 ? bytes.readBigUInt64LE(at) : BigInt(bytes.readUInt32LE(at));
    const value = bits === 64 ? bytes.readBigUInt64LE(at + 8) : BigInt(bytes.readUInt32LE(at + 4));
    if (tag === DT_NULL) break;
    entries.push([tag, value]);
  }
  return entries;
};

/** The string table lies at an address; the loadable segment that holds the address says where in the file. */
const stringTable = (source: ByteSource, segments: Segment[], entries: [bigint, bigint][]): Buffer => {
  const address = entries.find(([tag]) => tag === DT_STRTAB)?.[1];
  const size = entries.find(([tag]) => tag === DT_STRSZ)?.[1];
  if (address === undefined || size === undefined) throw bad('there is no string table');
  const holder = segments.find(({ type, address: start, fileSize }) =>
    type === PT_LOAD && address >= BigInt(start) && address < BigInt(start) + BigInt(fileSize));
  if (holder === undefined) throw bad('the string table is not loaded');
  return source.read(toIndex(BigInt(holder.offset) + address - BigInt(holder.address), source.size), toIndex(size, source.size));
};

/** Whether these first bytes of a file are those of an ELF file. */
export const looksLikeElf = (start: Buffer): boolean => start.length >= 4 && start.readUInt32BE(0) === 0x7f454c46;

/**
 * Reads what an ELF file needs. Little-endian files of both word sizes.
 *
 * @throws WardError `toolchain-unknown` when the bytes are no such file; never anything else.
 */
export const parseElf = (source: ByteSource): ElfFile => {
  if (source.size < 52) throw bad('it is too short');
  const ident = source.read(0, 52);
  if (!looksLikeElf(ident)) throw bad('it does not begin like one');
  const bits = ident[4] === 2 ? 64 : ident[4] === 1 ? 32 : undefined;
  if (bits === undefined || ident[5] !== 1) throw bad('its word size or byte order is not supported');
  const header = bits === 64 ? source.read(0, 64) : ident;
  const segments = programHeaders(source, header, bits);
  const interpreterSegment = segments.find((s) => s.type === PT_INTERP);
  if (interpreterSegment !== undefined && interpreterSegment.fileSize > MAX_STRING) throw bad('the name of the interpreter is too long');
  const interpreter = interpreterSegment && stringAt(source.read(interpreterSegment.offset, interpreterSegment.fileSize), 0n);
  const [type, machine] = [header.readUInt16LE(16), header.readUInt16LE(18)];
  const base = { bits, type, machine, ...(interpreter === undefined ? {} : { interpreter }) } as const;
  const dynamic = segments.find((s) => s.type === PT_DYNAMIC);
  const entries = dynamic === undefined ? [] : dynamicEntries(source, dynamic, bits);
  const wanted = entries.filter(([tag]) => tag === DT_NEEDED || tag === DT_RPATH || tag === DT_RUNPATH);
  if (wanted.length === 0) return { ...base, needed: [] };
  if (wanted.length > MAX_NEEDED) throw bad('it needs too many libraries');
  const table = stringTable(source, segments, entries);
  const text = (tag: bigint): string[] => wanted.filter((entry) => entry[0] === tag).map((entry) => stringAt(table, entry[1]));
  const [rpath] = text(DT_RPATH);
  const [runpath] = text(DT_RUNPATH);
  return { ...base, needed: text(DT_NEEDED), ...(rpath === undefined ? {} : { rpath }), ...(runpath === undefined ? {} : { runpath }) };
};

/** Bytes in memory as a source. */
export const bytesSource = (bytes: Buffer): ByteSource => ({
  size: bytes.length,
  read(offset, length) {
    if (offset < 0 || length < 0 || offset + length > bytes.length) throw bad('it ends too early');
    return bytes.subarray(offset, offset + length);
  },
});

/** {@link parseElf} of a file on disk; undefined when it is no ELF file at all (a script, a text). */
export const readElf = (path: string): ElfFile | undefined => {
  const fd = openSync(path, 'r');
  try {
    const size = fstatSync(fd).size;
    const read = (offset: number, length: number): Buffer => {
      const bytes = Buffer.alloc(length);
      if (offset + length > size || readSync(fd, bytes, 0, length, offset) !== length) throw bad('it ends too early');
      return bytes;
    };
    if (size < 4 || !looksLikeElf(read(0, 4))) return undefined;
    return parseElf({ size, read });
  } finally {
    closeSync(fd);
  }
};
