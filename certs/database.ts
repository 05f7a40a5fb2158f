/**
 * What the CA has done, as JSON lines in `index.jsonl`: certificates issued, certificates revoked, lists written. The file is
 * the only state besides the key; it is replaced whole at each change, under the directory's lock.
 *
 * @module
 */

import { join } from 'node:path';
import { WardError } from '../protocol/errors.ts';
import { revocationReasons, type RevocationReason } from './certificate.ts';
import { readText, writeAtomically } from './files.ts';

export interface IssuedRecord {
  readonly type: 'issued';
  readonly at: string;
  /** 32 hexadecimal digits. */
  readonly serial: string;
  readonly kind: 'server' | 'user';
  readonly name: string;
  readonly notBefore: string;
  readonly notAfter: string;
  /** SHA-256 of the certificate, hexadecimal. */
  readonly fingerprint: string;
}

export interface RevokedRecord {
  readonly type: 'revoked';
  readonly at: string;
  readonly serial: string;
  readonly reason: RevocationReason;
}

export interface CrlRecord {
  readonly type: 'crl';
  readonly at: string;
  readonly number: number;
  readonly nextUpdate: string;
}

export type DatabaseRecord = IssuedRecord | RevokedRecord | CrlRecord;

const isRecord = (value: unknown): value is DatabaseRecord => {
  if (typeof value !== 'object' || value === null) return false;
  const record = value as Record<string, unknown>;
  const serialOk = typeof record['serial'] === 'string' && /^[0-9a-f]{2,40}$/.test(record['serial']);
  if (typeof record['at'] !== 'string') return false;
  if (record['type'] === 'issued') return serialOk && typeof record['name'] === 'string' && typeof record['notAfter'] === 'string';
  if (record['type'] === 'revoked') return serialOk && Object.hasOwn(revocationReasons, String(record['reason']));
  return record['type'] === 'crl' && Number.isSafeInteger(record['number']);
};

const indexPath = (directory: string): string => join(directory, 'index.jsonl');

/** @throws WardError `certs-refused` with the line that is no record */
export const readDatabase = (directory: string): DatabaseRecord[] => {
  const path = indexPath(directory);
  const lines = readText(path).split('\n');
  if (lines.pop() !== '') throw new WardError('certs-refused', `The last line of ${path} is cut off; restore it from a backup.`);
  return lines.map((line, index) => {
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      value = undefined;
    }
    if (!isRecord(value)) {
      throw new WardError('certs-refused', `${path}:${index + 1} is not a record of this CA.`, { at: `${path}:${index + 1}:1` });
    }
    return value;
  });
};

export const writeDatabase = (directory: string, records: readonly DatabaseRecord[]): void =>
  writeAtomically(indexPath(directory), records.map((record) => `${JSON.stringify(record)}\n`).join(''));
