/**
 * An Active Directory domain of Samba's, for the tests that otherwise run against MIT's KDC: the same functions as in
 * ctl/dev/realm.ts, and groups, machines and LDAP beside them. A domain takes seconds to make, so each test gets a copy of one that
 * was made once for the whole run.
 *
 * @module
 */
import { spawn } from 'node:child_process';
import { cp, mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from '../../ctl/dev/command.ts';
import { freePort } from '../../ctl/dev/ports.ts';
import { accepting, configuration, realmEnvironment, type Realm, type RealmOptions } from '../../ctl/dev/realm.ts';
import { WardError } from '../../protocol/errors.ts';

const aes = ['aes256-cts-hmac-sha1-96', 'aes128-cts-hmac-sha1-96'];
const helper = fileURLToPath(new URL('domain.py', import.meta.url));
const administrator = 'An Administrator, 1';

const configurationOf = (directory: string): string => join(directory, 'smb.conf');

interface Ports {
  readonly kdc: number;
  readonly kpasswd: number;
}

const settings = (directory: string, name: string, services: string, ports: Ports, tls = 'tls enabled = no'): string => `[global]
realm = ${name}
workgroup = ${name.split('.')[0]}
netbios name = DC1
server role = active directory domain controller
server services = ${services}
interfaces = 127.0.0.1
bind interfaces only = yes
krb5 port = ${ports.kdc}
kpasswd port = ${ports.kpasswd}
private dir = ${directory}/private
state directory = ${directory}/state
cache directory = ${directory}/cache
lock directory = ${directory}/lock
pid directory = ${directory}
ncalrpc dir = ${directory}/ncalrpc
winbindd socket directory = ${directory}/winbindd
ntp signd socket directory = ${directory}/ntp
binddns dir = ${directory}/dns
log file = ${directory}/log
${tls}
[sysvol]
path = ${directory}/state/sysvol
read only = no
[netlogon]
path = ${directory}/state/sysvol/${name.toLowerCase()}/scripts
read only = no
`;

const environment = (): NodeJS.ProcessEnv => ({ PATH: '/usr/bin:/bin:/usr/sbin:/sbin', LC_ALL: 'C.UTF-8', PYTHONDONTWRITEBYTECODE: '1' });

/** Changes the domain's database as its own tools do. */
export const change = (realm: Pick<Realm, 'directory'>, ...args: readonly string[]): Promise<string> =>
  run('/usr/bin/python3', [helper, configurationOf(realm.directory), ...args], { env: environment() });

const folders = ['private', 'state', 'cache', 'lock'];

const provision = async (directory: string, name: string): Promise<void> => {
  for (const folder of folders) await mkdir(join(directory, folder), { recursive: true, mode: 0o700 });
  await writeFile(configurationOf(directory), settings(directory, name, 'kdc', { kdc: 88, kpasswd: 464 }));
  await change({ directory }, 'provision', name, name.split('.')[0]!, administrator);
  await change({ directory }, 'simple');
};

const template = async (name: string): Promise<string> => {
  const directory = join(process.env['WARDCC_TEST_TEMPLATES']!, name);
  if (await stat(directory).catch(() => undefined) === undefined) {
    const fresh = `${directory}.new`;
    await provision(fresh, name);
    await rename(fresh, directory);
  }
  return directory;
};

export const createRealm = async (directory: string, options: RealmOptions): Promise<Realm> => {
  const all = { name: 'WARDCC.TEST', clockSkew: 300, neighbours: [], keyTypes: aes, ...options };
  await cp(await template(all.name), directory, { recursive: true });
  const KRB5_CONFIG = join(directory, 'krb5.conf');
  await writeFile(KRB5_CONFIG, configuration(all));
  await writeFile(configurationOf(directory), settings(directory, all.name, 'kdc', { kdc: all.port, kpasswd: await freePort() }));
  const environment = { KRB5_CONFIG, KRB5RCACHENAME: `file2:${join(directory, 'replay')}` };
  return { name: all.name, directory, port: all.port, environment };
};

/** Lets the domain controller answer LDAP too, on its usual ports, with a certificate. */
export const enableLdap = async (realm: Realm, tls: Readonly<Record<'ca' | 'cert' | 'key', string>>): Promise<void> => {
  const files = `tls cafile = ${tls.ca}\ntls certfile = ${tls.cert}\ntls keyfile = ${tls.key}`;
  const ports = { kdc: realm.port, kpasswd: await freePort() };
  await writeFile(configurationOf(realm.directory), settings(realm.directory, realm.name, 'ldap, kdc', ports, files));
};

const known = (error: unknown): string => {
  if (/already (?:exists|in use)|Entry .* already/i.test((error as Error).message)) return '';
  throw error;
};

/** Adds a user with a password, or an account that stands for a service. One that is there already stays as it is. */
export const addPrincipal = (realm: Realm, principal: string, password?: string): Promise<string> =>
  (password === undefined ? change(realm, 'service', principal) : change(realm, 'person', principal, password)).catch(known);

/** Writes the keys of an account to a keytab, created or added to. Without `keep` it gets new ones. */
export const writeKeytab = async (realm: Realm, principal: string, keytab: string, { keep = true } = {}): Promise<string> => {
  if (!keep) await change(realm, 'newkeys', principal);
  const args = ['domain', 'exportkeytab', keytab, `--principal=${principal}`, `--configfile=${configurationOf(realm.directory)}`];
  const said = await run('samba-tool', args, { env: environment() });
  const written = await stat(keytab).catch(() => undefined);
  if (written === undefined) throw new WardError('dev-failed', `samba-tool wrote no ${basename(keytab)}: ${said}`);
  return said;
};

/** Leaves the service nothing but RC4. */
export const weaken = async (realm: Realm, principal: string): Promise<void> => void (await change(realm, 'types', principal, '4'));

export const startKdc = async (realm: Realm): Promise<number> => {
  const args = ['--foreground', '--no-process-group', '--model=single', `--configfile=${configurationOf(realm.directory)}`];
  const env = { ...environment(), ...pick(realmEnvironment(realm)) };
  const kdc = spawn('/usr/sbin/samba', args, { env, stdio: 'ignore', detached: true });
  const died = new Promise<never>((_, reject) => {
    kdc.once('error', (error) => reject(new WardError('dev-failed', `samba could not be started: ${error.message}`)));
    kdc.once('exit', (code) => void complain(code).catch(reject));
  });
  const complain = async (code: number | null): Promise<never> => {
    const log = await readFile(join(realm.directory, 'log'), 'utf8').catch(() => '');
    throw new WardError('dev-failed', `samba ended at once (${code}): ${log.slice(-2000)}`);
  };
  died.catch(() => undefined);
  await Promise.race([died, accepting({ port: realm.port })]);
  kdc.unref();
  return kdc.pid!;
};

const pick = ({ KRB5_CONFIG }: NodeJS.ProcessEnv): NodeJS.ProcessEnv => (KRB5_CONFIG === undefined ? {} : { KRB5_CONFIG });
