/**
 * What is kept of a result: its parts by content, and the keeper's signature over all of it. The parts themselves lie in a
 * content store.
 *
 * @module
 */
import { hash } from 'node:crypto';
import { WardError } from '../../protocol/errors.ts';

export interface Part {
  readonly digest: string;
  readonly size: number;
}

export interface OutputPart extends Part {
  /** Index into the outputs that the action names. */
  readonly index: number;
  readonly mode: number;
}

export interface ResultRecord {
  readonly action: string;
  readonly server: string;
  /** Number of the decision in the server's log. */
  readonly job: number;
  readonly stdout: Part;
  readonly stderr: Part;
  readonly outputs: readonly OutputPart[];
  /** Keeper's key and signature over action and `resultDigest`. */
  readonly key: string;
  readonly signature: string;
}

/** Digest of what came out, in hex: what the keeper signs beside the action. */
export const resultDigest = ({ stdout, stderr, outputs }: Pick<ResultRecord, 'stdout' | 'stderr' | 'outputs'>): string => {
  const part = ({ digest, size }: Part): [string, number] => [digest, size];
  return hash('sha256', JSON.stringify(['wardcc result', 1, part(stdout), part(stderr), outputs.map((output) => [output.index, output.mode, ...part(output)])]), 'hex');
};

const hexDigest = /^[0-9a-f]{64}$/;
const isPart = (value: unknown): value is Part => {
  const part = value as Partial<Part> | null;
  return typeof part === 'object' && part !== null && hexDigest.test(part.digest ?? '') && Number.isSafeInteger(part.size) && (part.size as number) >= 0;
};

/** Reads what a disk or another machine kept. Attacker-controlled. @throws WardError `blob-corrupt` */
export function parseRecord(text: string, action: string): ResultRecord {
  try {
    const record = JSON.parse(text) as ResultRecord;
    const outputs = record.outputs.every((output) => isPart(output) && Number.isSafeInteger(output.index) && Number.isSafeInteger(output.mode));
    if (record.action === action && outputs && isPart(record.stdout) && isPart(record.stderr) && typeof record.signature === 'string') return record;
  } catch {
    // Falls through to the one answer there is to a record that cannot be used.
  }
  throw new WardError('blob-corrupt', `The kept result of ${action} is damaged.`);
}
