/**
 * One line of a decision log, and the chain that holds the lines together. Pure functions.
 *
 * A line is one JSON object that begins with `seq` and `prev` and ends with `hash`:
 *
 *     {"seq":7,"prev":"<hash of line 6>","time":"…","code":"WL200","event":"job.allowed",…,"hash":"<SHA-256>"}
 *
 * `hash` is SHA-256 over the bytes of the line before `,"hash":"`; `prev` of the first line is 64 zeros. So a changed bit shows in its
 * own line, a line that was removed, added or moved shows in the next one. A chain alone can't see its own tail cut off: that takes a
 * checkpoint.
 *
 * @module
 */
import { hash } from 'node:crypto';
import { eventTable, type LogEvent } from './events.ts';

/** The end of a chain: the next line continues it. */
export interface ChainEnd {
  readonly seq: number;
  readonly hash: string;
}

export const chainStart: ChainEnd = Object.freeze({ seq: 0, hash: '0'.repeat(64) });

export interface LogRecord extends LogEvent {
  readonly seq: number;
  readonly prev: string;
  /** RFC 3339, UTC, with milliseconds. */
  readonly time: string;
  readonly code: string;
  readonly hash: string;
}

/** Longest line that is written or read, in bytes. */
export const maxLineBytes = 2 * 1024 * 1024;

const tailBytes = ',"hash":"'.length + 64 + '"}'.length;

/** The next line (with its line end) and the new end of the chain. `event` must have been checked. */
export const formatRecord = (end: ChainEnd, event: LogEvent, time: Date): { line: string; end: ChainEnd } => {
  const { event: name, ...fields } = event;
  const seq = end.seq + 1;
  const body = JSON.stringify({ seq, prev: end.hash, time: time.toISOString(), code: eventTable[name].code, event: name, ...fields }).slice(
    0,
    -1,
  );
  const digest = hash('sha256', body, 'hex');
  return { line: `${body},"hash":"${digest}"}\n`, end: { seq, hash: digest } };
};

const startPattern = /^\{"seq":([1-9][0-9]{0,15}),"prev":"([0-9a-f]{64})",/;
const tailPattern = /^,"hash":"([0-9a-f]{64})"\}$/;

/** Checks one line (without its line end) by itself; a string says what is wrong. Attacker-controlled. */
export const parseLine = (line: Buffer): { seq: number; prev: string; hash: string; text: string } | string => {
  if (line.length < tailBytes) return 'this is no record';
  const tail = tailPattern.exec(line.toString('latin1', line.length - tailBytes));
  const start = startPattern.exec(line.toString('latin1', 0, Math.min(line.length, 128)));
  if (tail === null || start === null) return 'this is no record';
  if (hash('sha256', line.subarray(0, line.length - tailBytes), 'hex') !== tail[1])
    return `record ${start[1]} was changed: its hash does not match`;
  return { seq: Number(start[1]), prev: start[2]!, hash: tail[1]!, text: line.toString('utf8') };
};

/** The record in a line that `parseLine` accepted; undefined if it is no record of this format. */
export const readRecord = (text: string): LogRecord | undefined => {
  try {
    const record = JSON.parse(text) as LogRecord;
    return typeof record === 'object' && record !== null && typeof record.event === 'string' && typeof record.time === 'string'
      ? record
      : undefined;
  } catch {
    return undefined;
  }
};

/** True if these bytes are the next line cut short while it was written: they begin as it must, and nothing follows its end. */
export const isTornLine = (bytes: Buffer, end: ChainEnd): boolean => {
  const expected = Buffer.from(`{"seq":${end.seq + 1},"prev":"${end.hash}",`);
  const length = Math.min(bytes.length, expected.length);
  if (bytes.length > maxLineBytes || !bytes.subarray(0, length).equals(expected.subarray(0, length))) return false;
  const tail = bytes.toString('latin1', Math.max(0, bytes.length - tailBytes - 8));
  if (/"hash":"[0-9a-f]{64}"\}./s.test(tail)) return false;
  return !tail.endsWith('"}') || typeof parseLine(bytes) !== 'string';
};

/** Name of the log file whose first record is `seq`. Names sort as their records do. */
export const logFileName = (seq: number): string => `decisions-${String(seq).padStart(16, '0')}.jsonl`;

/** The first sequence number of a log file by its name; undefined if it is none. */
export const firstSeqOf = (name: string): number | undefined => {
  const digits = /^decisions-([0-9]{16})\.jsonl$/.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
};
