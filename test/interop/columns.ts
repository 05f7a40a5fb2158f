/**
 * The columns of the interop table: whose KDC, and whose kinit.
 *
 * @module
 */
import { join } from 'node:path';
import { writeFile } from 'node:fs/promises';
import { run } from '../../ctl/dev/command.ts';
import * as mit from '../../ctl/dev/realm.ts';

export type RealmMaker = Pick<typeof mit, 'createRealm' | 'startKdc' | 'addPrincipal' | 'writeKeytab' | 'getTicket'>;

const heimdalTicket: RealmMaker['getTicket'] = async (realm, principal, password, cache, lifetime, options = []) => {
  const file = join(realm.directory, 'password');
  await writeFile(file, `${password}\n`, { mode: 0o600 });
  const life = lifetime === undefined ? [] : ['-l', lifetime];
  const args = [`--password-file=${file}`, '-c', `FILE:${cache}`, ...life, ...options, principal];
  await run('kinit.heimdal', args, { env: mit.realmEnvironment(realm, cache) });
};

const heimdal = (): Promise<Omit<RealmMaker, 'getTicket'>> => import('./heimdal.ts');
const samba = (): Promise<Omit<RealmMaker, 'getTicket'>> => import('./samba.ts');

const columns: Readonly<Record<string, () => Promise<RealmMaker>>> = {
  mit: async () => mit,
  heimdal: async () => ({ ...await heimdal(), getTicket: mit.getTicket }),
  'heimdal-kinit': async () => ({ ...await heimdal(), getTicket: heimdalTicket }),
  samba: async () => ({ ...await samba(), getTicket: mit.getTicket }),
};

export const realmOf = async (column: string): Promise<RealmMaker> => {
  const make = columns[column];
  if (make === undefined) throw new TypeError(`WARDCC_TEST_COLUMN must be one of ${Object.keys(columns).join(', ')}`);
  return make();
};
