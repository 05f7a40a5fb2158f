/**
 * One kept result as one file: a line of JSON that says what follows, then the bytes, then SHA-256 over all before it. One
 * open and one read bring it back; any flipped bit shows.
 *
 * @module
 */
import { createHash } from 'node:crypto';
import type { Envelope } from '../../protocol/statement.ts';

export interface KeptOutput {
  /** Index into the outputs of the job. */
  readonly index: number;
  readonly mode: number;
  readonly content: Buffer;
}

export interface KeptResult {
  /** Which server made it, for the explanation. */
  readonly server: string;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
  readonly outputs: readonly KeptOutput[];
  /** What the keeper signed of it. */
  readonly envelope?: Envelope;
}

const format = 'wardcc result 2';

interface Head {
  readonly format: typeof format;
  /** The job whose result it is. */
  readonly key: string;
  readonly server: string;
  readonly stdout: number;
  readonly stderr: number;
  readonly outputs: readonly (readonly [index: number, mode: number, size: number])[];
  readonly envelope?: Envelope;
}

const digestBytes = 32;
const newline = 0x0a;

const digestOf = (parts: readonly Buffer[]): Buffer => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
};

/** The pieces of the file, in order. */
export function encodeResult(key: string, { server, stdout, stderr, outputs, envelope }: KeptResult): Buffer[] {
  const head: Head = {
    format, key, server, stdout: stdout.length, stderr: stderr.length,
    outputs: outputs.map(({ index, mode, content }) => [index, mode, content.length]),
    ...(envelope === undefined ? {} : { envelope }),
  };
  const parts = [Buffer.from(`${JSON.stringify(head)}\n`), stdout, stderr, ...outputs.map(({ content }) => content)];
  return [...parts, digestOf(parts)];
}

/** Reads a file back; undefined when it is damaged or is the result of another job. The buffers share the file's memory. */
export function decodeResult(key: string, file: Buffer): KeptResult | undefined {
  const end = file.length - digestBytes;
  if (end < 0 || !digestOf([file.subarray(0, end)]).equals(file.subarray(end))) return undefined;
  const lineEnd = file.indexOf(newline);
  const head = JSON.parse(file.toString('utf8', 0, lineEnd)) as Head;
  if (head.format !== format || head.key !== key) return undefined;
  let at = lineEnd + 1;
  const take = (size: number): Buffer => file.subarray(at, (at += size));
  const stdout = take(head.stdout);
  const stderr = take(head.stderr);
  const outputs = head.outputs.map(([index, mode, size]) => ({ index, mode, content: take(size) }));
  if (at !== end) return undefined;
  return { server: head.server, stdout, stderr, outputs, ...(head.envelope === undefined ? {} : { envelope: head.envelope }) };
}
