/**
 * What is kept of a result: its parts by content, and the keeper's signature over all of it. The parts themselves lie in a
 * content store.
 *
 * @module
 */
import type { Part, ResultParts } from '../../protocol/action.ts';
import { WardError } from '../../protocol/errors.ts';

export { resultDigest, type OutputPart, type Part } from '../../protocol/action.ts';

export interface ResultRecord extends ResultParts {
  readonly action: string;
  readonly server: string;
  /** Number of the decision in the server's log. */
  readonly job: number;
  /** Keeper's key and signature over action and `resultDigest`. */
  readonly key: string;
  readonly signature: string;
}

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
