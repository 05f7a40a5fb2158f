/**
 * Whose signatures on results count: this server's own keeper, and the keepers that the farm file names, all in the epoch of
 * today. Raising the epoch there throws away every result that was made before.
 *
 * @module
 */
import type { KeyObject } from 'node:crypto';
import type { Farm } from '../../policy/farm.ts';
import { verifyResult } from '../../policy/log/checkpoint.ts';
import { resultDigest, type ResultRecord } from './result-record.ts';

export interface OwnKey {
  readonly server: string;
  readonly epoch: number;
  readonly publicKey: KeyObject;
}

/** True for a record that a key of today signed as it stands. */
export function isSignedByFarm(record: ResultRecord, own: OwnKey, farm?: Farm): boolean {
  const { action, server, key, signature } = record;
  const publicKey = server === own.server ? own.publicKey : farm?.servers.get(server)?.resultKeys.get(key);
  if (publicKey === undefined) return false;
  return verifyResult({ server, epoch: own.epoch, action, result: resultDigest(record) }, signature, publicKey);
}
