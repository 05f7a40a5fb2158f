/**
 * The signed farm file of a throwaway farm: its clients believe results only under the keys of its servers' keepers. Those are made when
 * a server starts for the first time, so the file comes twice: once without keys, and again when the servers are up.
 *
 * @module
 */
import { existsSync } from 'node:fs';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadFarm, signatureFile } from '../../policy/farm.ts';
import { formatPublicKey } from '../../policy/signature/format.ts';
import { sign } from '../../policy/signature/minisign.ts';
import { formatClearKey, makeKey, parseSecretKey, publicKeyOf, type SecretKey } from '../../policy/signature/secret-key.ts';
import type { FarmLayout } from './layout.ts';
import { serverAddress } from './ports.ts';

const keyFile = (layout: FarmLayout): string => join(layout.ca, 'farm.key');

const openKey = async (layout: FarmLayout): Promise<SecretKey> => {
  if (!existsSync(keyFile(layout))) await writeFile(keyFile(layout), formatClearKey(makeKey()), { mode: 0o600, flag: 'wx' });
  return parseSecretKey(await readFile(keyFile(layout), 'utf8'), keyFile(layout), () => '');
};

/** The line that a farm file has of a keeper's public key in PEM. */
const lineOf = (pem: string): string => pem.replace(/-----[^-]+-----|\s/g, '');

/** The line of a server's keeper; nothing before its first start. */
const resultKey = async (layout: FarmLayout, server: number): Promise<string[]> => {
  const file = join(layout.server(server), 'state', 'keeper', 'result-key.pub.pem');
  return existsSync(file) ? [lineOf(await readFile(file, 'utf8'))] : [];
};

/**
 * Signs and writes the farm file as it should be now, with a higher serial than before.
 *
 * @returns the line of the key that signs it
 */
export const publishFarm = async (layout: FarmLayout, servers: number): Promise<string> => {
  const key = await openKey(layout);
  const publicKey = formatPublicKey(publicKeyOf(key));
  const listed = await Promise.all(Array.from({ length: servers }, async (_, index) =>
    ({ name: serverAddress(index + 1), resultKeys: await resultKey(layout, index + 1) })));
  const before = existsSync(layout.farm) ? await loadFarm(layout.farm) : { serial: 0, epoch: 1 };
  const farm = { serial: before.serial + 1, epoch: before.epoch, servers: listed };
  const bytes = Buffer.from(`// Which servers there are, and whose results count: wardctl farm, docs/trust.md.\n${JSON.stringify(farm, undefined, 2)}\n`);
  const signature = sign(bytes, key, `wardcc farm serial:${farm.serial} epoch:${farm.epoch}`);
  for (const [file, content] of [[signatureFile(layout.farm), signature], [layout.farm, bytes]] as const) {
    await writeFile(`${file}.new`, content, { mode: 0o644 });
    await rename(`${file}.new`, file);
  }
  return publicKey;
};
