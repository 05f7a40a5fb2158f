/**
 * Whose signatures on results count: this server's own keeper, and the keepers that the farm file names, all in no older epoch than that
 * of the file. Raising the epoch there recalls every result that was made before.
 *
 * @module
 */
import type { KeyObject } from 'node:crypto';
import type { Farm } from '../../policy/farm.ts';
import { verifyResult } from '../../policy/log/checkpoint.ts';
import { statementOfRecord, type ResultRecord } from './result-record.ts';

export interface OwnKey {
  readonly server: string;
  /** Its name in signatures. */
  readonly key: string;
  readonly publicKey: KeyObject;
}

/** `recalled`: it was good before the epoch was raised. `forged`: nobody who counts today has signed it as it stands. */
export type Standing = 'good' | 'recalled' | 'forged';

/** What a record that was kept is worth today. Attacker-controlled. */
export function standingOf(record: ResultRecord, own: OwnKey, farm?: Pick<Farm, 'epoch' | 'servers'>): Standing {
  const { server, key, signature, epoch } = record;
  const publicKey = server === own.server && key === own.key ? own.publicKey : farm?.servers.get(server)?.resultKeys.get(key);
  if (publicKey === undefined || !verifyResult(statementOfRecord(record), signature, publicKey)) return 'forged';
  return farm !== undefined && epoch < farm.epoch ? 'recalled' : 'good';
}
