/**
 * A realm of Heimdal's, for the tests that otherwise run against MIT's: the same functions as in ctl/dev/realm.ts.
 *
 * @module
 */
import { spawn } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../../ctl/dev/command.ts';
import { accepting, configuration, realmEnvironment, type Realm, type RealmOptions } from '../../ctl/dev/realm.ts';
import { WardError } from '../../protocol/errors.ts';

const aes = ['aes256-cts-hmac-sha1-96', 'aes128-cts-hmac-sha1-96'];

const kdcConfiguration = (directory: string, name: string, keyTypes: readonly string[]): string => `[libdefaults]
  default_realm = ${name}
[kdc]
  num-kdc-processes = 1
  database = {
    dbname = ${directory}/heimdal
    realm = ${name}
    mkey_file = ${directory}/master-key
    acl_file = ${directory}/kadmind.acl
    log_file = ${directory}/changes
  }
[kadmin]
  default_keys = ${keyTypes.map((type) => `${type === 'arcfour-hmac' ? 'arcfour-hmac-md5' : type}:pw-salt`).join(' ')}
[logging]
  kdc = FILE:${directory}/kdc.txt
`;

const configurationOf = (realm: Pick<Realm, 'directory'>): string => join(realm.directory, 'heimdal.conf');

/** Heimdal's own programs read another configuration than the rest. */
const environmentOf = (realm: Realm): NodeJS.ProcessEnv => ({ ...realmEnvironment(realm), KRB5_CONFIG: configurationOf(realm) });

const admin = (realm: Realm, ...args: readonly string[]): Promise<string> =>
  run('kadmin.heimdal', ['-l', '-c', configurationOf(realm), '-r', realm.name, ...args], { env: environmentOf(realm) });

export const createRealm = async (directory: string, options: RealmOptions): Promise<Realm> => {
  const settings = { name: 'WARDCC.TEST', clockSkew: 300, neighbours: [], keyTypes: aes, ...options };
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const environment = { KRB5_CONFIG: join(directory, 'krb5.conf'), KRB5RCACHENAME: `file2:${join(directory, 'replay')}` };
  const realm = { name: settings.name, directory, port: settings.port, environment };
  await writeFile(environment.KRB5_CONFIG, configuration(settings));
  await writeFile(configurationOf(realm), kdcConfiguration(directory, settings.name, settings.keyTypes));
  await admin(realm, 'init', '--realm-max-ticket-life=10h', '--realm-max-renewable-life=10h', settings.name);
  return realm;
};

/** Adds a principal: with a password for people, with a random key for services. One that is there already stays as it is. */
export const addPrincipal = async (realm: Realm, principal: string, password?: string): Promise<string> => {
  const secret = password === undefined ? ['--random-key'] : [`--password=${password}`];
  return admin(realm, 'add', '--use-defaults', ...secret, principal).catch((error: unknown) => {
    if (/already exists/i.test((error as Error).message)) return '';
    throw error;
  });
};

/** Writes the keys of a service to a keytab, created or added to. Without `keep` the service gets new keys. */
export const writeKeytab = async (realm: Realm, principal: string, keytab: string, { keep = true } = {}): Promise<string> => {
  if (!keep) await admin(realm, 'cpw', '--random-key', principal);
  return admin(realm, 'ext_keytab', '-k', `FILE:${keytab}`, principal);
};

/** Leaves the service nothing but an RC4 key. */
export const weaken = async (realm: Realm, principal: string): Promise<void> => {
  await admin(realm, 'del_enctype', principal, ...aes);
};

export const startKdc = async (realm: Realm): Promise<number> => {
  const args = [`--config-file=${configurationOf(realm)}`, `--ports=${realm.port}`, '--addresses=127.0.0.1'];
  const kdc = spawn('/usr/lib/heimdal-servers/kdc', args, { env: environmentOf(realm), stdio: 'ignore', detached: true });
  const died = new Promise<never>((_, reject) => {
    const fail = (what: string): void => reject(new WardError('dev-failed', `Heimdal's kdc ${what}`));
    kdc.once('error', (error) => fail(`could not be started: ${error.message}`));
    kdc.once('exit', (code) => fail(`ended at once (${code}): see ${realm.directory}/kdc.txt`));
  });
  died.catch(() => undefined);
  await Promise.race([died, accepting({ port: realm.port })]);
  kdc.unref();
  return kdc.pid!;
};
