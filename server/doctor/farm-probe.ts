/**
 * The farm file: does its signature hold, and will clients believe this server's results by it?
 *
 * @module
 */
import { createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadSignedFarm } from '../../policy/farm.ts';
import { keyId } from '../../policy/log/checkpoint.ts';
import { parsePublicKey } from '../../policy/signature/format.ts';
import type { ServerConfig } from '../config.ts';
import { caution, pass, type Finding } from './finding.ts';

const probe = 'farm file';

/** @throws WardError when it cannot be read, or is not signed by one of the keys */
export const probeFarm = async ({ file, publicKey }: NonNullable<ServerConfig['farm']>, { name, state }: ServerConfig): Promise<Finding> => {
  const keys = [publicKey].flat().map((key) => parsePublicKey(key, 'farm.publicKey in server.jsonc'));
  const { serial, epoch, servers } = await loadSignedFarm({ file, keys });
  const says = `serial ${serial}, epoch ${epoch}, signed`;
  const own = servers.get(name);
  if (own === undefined) return caution(probe, `${says}; it does not name ${name}: no client believes its results.`, 'Add this server and its key, and sign it.');
  const key = ownKey(state);
  if (key !== undefined && !own.resultKeys.has(key)) {
    return caution(probe, `${says}; it does not list this server's key ${key}: no client believes its results.`, 'Add the line of STATE/keeper/result-key.pub.pem, and sign it.');
  }
  return pass(probe, says);
};

/** Before a server's first start it has no key; and not everybody may look. */
const ownKey = (state: string): string | undefined => {
  try {
    return keyId(createPublicKey(readFileSync(join(state, 'keeper', 'result-key.pub.pem'))));
  } catch {
    return undefined;
  }
};
