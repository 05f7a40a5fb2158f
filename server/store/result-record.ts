/**
 * What is kept of a result: its parts by content, and the keeper's signature over all of it. The parts themselves lie in a
 * content store.
 *
 * @module
 */
import type { Part, ResultParts } from '../../protocol/action.ts';
import { WardError } from '../../protocol/errors.ts';
import type { ResultSignature } from '../../protocol/messages.ts';
import { statementOf, type Claim } from '../../protocol/statement.ts';

export type { OutputPart, Part } from '../../protocol/action.ts';

export interface ResultRecord extends ResultParts, Claim, Pick<ResultSignature, 'key' | 'signature'> {
  /** Of the outputs that the job may have, by index. */
  readonly names: readonly string[];
}

const hexDigest = /^[0-9a-f]{64}$/;
const isText = (value: unknown): boolean => typeof value === 'string';
const isPart = (value: unknown): value is Part => {
  const part = value as Partial<Part> | null;
  return typeof part === 'object' && part !== null && hexDigest.test(part.digest ?? '') && Number.isSafeInteger(part.size) && (part.size as number) >= 0;
};

/** What the keeper has signed, if the record is as it was. */
export const statementOfRecord = (record: ResultRecord): string => statementOf(record, record, record.names);

/** Reads what a disk or another machine kept. Attacker-controlled. @throws WardError `blob-corrupt` */
export function parseRecord(text: string, action: string): ResultRecord {
  try {
    const record = JSON.parse(text) as ResultRecord;
    const outputs = record.outputs.every((output) => isPart(output) && Number.isSafeInteger(output.index) && Number.isSafeInteger(output.mode));
    const { server, principal, domain, policy, toolchain, finished, key, signature } = record;
    const texts = [server, principal, domain, policy, toolchain, finished, key, signature, ...record.names].every(isText);
    const numbers = Number.isSafeInteger(record.epoch) && Number.isSafeInteger(record.job);
    if (record.action === action && outputs && isPart(record.stdout) && isPart(record.stderr) && texts && numbers) return record;
  } catch {
    // Falls through to the one answer there is to a record that cannot be used.
  }
  throw new WardError('blob-corrupt', `The kept result of ${action} is damaged.`);
}
