/**
 * One kept result as one file: a line of JSON that says what follows, then the bytes, then SHA-256 over all before it. One
 * open and one read bring it back; any flipped bit shows.
 *
 * @module
 */
import { createHash } from 'node:crypto';

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
}

interface Head {
  readonly format: 'wardcc result 1';
  /** The job whose result it is. */
  readonly key: string;
  readonly server: string;
  readonly stdout: number;
  readonly stderr: number;
  readonly outputs: readonly (readonly [index: number, mode: number, size: number])[];
}

const digestBytes = 32;
const newline = 0x0a;

const digestOf = (parts: readonly Buffer[]): Buffer => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
};

/** The pieces of the file, in order. */
export function encodeResult(key: string, { server, stdout, stderr, outputs }: KeptResult): Buffer[] {
  const head: Head = {
    format: 'wardcc result 1', key, server, stdout: stdout.length, stderr: stderr.length,
    outputs: outputs.map(({ index, mode, content }) => [index, mode, content.length]),
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
  if (head.format !== 'wardcc result 1' || head.key !== key) return undefined;
  let at = lineEnd + 1;
  const take = (size: number): Buffer => file.subarray(at, (at += size));
  const stdout = take(head.stdout);
  const stderr = take(head.stderr);
  const outputs = head.outputs.map(([index, mode, size]) => ({ index, mode, content: take(size) }));
  return at === end ? { server: head.server, stdout, stderr, outputs } : undefined;
}
