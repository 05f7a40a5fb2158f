/**
 * A Kerberos realm of its own in one directory: database, KDC on a loopback port, principals, keytabs, tickets. Runs as an
 * ordinary user and touches nothing of the machine's own Kerberos configuration.
 *
 * @module
 */
import { spawn } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { WardError } from '../../protocol/errors.ts';
import { run } from './command.ts';

export interface RealmOptions {
  /** Default `WARDCC.TEST`. */
  readonly name?: string;
  readonly port: number;
  /** Seconds by which clocks may differ. Default 300. */
  readonly clockSkew?: number;
  /** Other realms that its programs can find. */
  readonly neighbours?: readonly { readonly name: string; readonly port: number }[];
  /** Kinds of keys; AES unless said otherwise. */
  readonly keyTypes?: readonly string[];
}

export interface Realm {
  readonly name: string;
  readonly directory: string;
  readonly port: number;
  /** What a program of this realm needs: KRB5_CONFIG, KRB5_KDC_PROFILE, KRB5RCACHENAME. */
  readonly environment: Readonly<Record<string, string>>;
}

const aes = ['aes256-cts-hmac-sha1-96', 'aes128-cts-hmac-sha1-96', 'aes256-cts-hmac-sha384-192', 'aes128-cts-hmac-sha256-128'];

/** krb5.conf of whoever uses the realm. */
export const configuration = ({ name, port, clockSkew, neighbours, keyTypes }: Required<RealmOptions>): string => `[libdefaults]
  default_realm = ${name}
  dns_lookup_realm = false
  dns_lookup_kdc = false
  dns_canonicalize_hostname = false
  rdns = false
  udp_preference_limit = 1
  clockskew = ${clockSkew}
  permitted_enctypes = ${keyTypes.join(' ')}
${keyTypes.includes('arcfour-hmac') ? '  allow_rc4 = true\n' : ''}[realms]
${[{ name, port }, ...neighbours].map((realm) => `  ${realm.name} = {\n    kdc = 127.0.0.1:${realm.port}\n  }\n`).join('')}[domain_realm]
  localhost = ${name}
`;

const kdcConfiguration = ({ name, port, keyTypes }: Required<RealmOptions>, directory: string): string => `[kdcdefaults]
  kdc_listen = 127.0.0.1:${port}
  kdc_tcp_listen = 127.0.0.1:${port}
[realms]
  ${name} = {
    database_name = ${directory}/principal
    key_stash_file = ${directory}/stash
    acl_file = ${directory}/kadm5.acl
    max_life = 10h
    supported_enctypes = ${keyTypes.filter((type) => !/sha384|sha256/.test(type)).map((type) => `${type}:normal`).join(' ')}
  }
[logging]
  kdc = FILE:${directory}/kdc.txt
  admin_server = FILE:${directory}/kadmin.txt
`;

/** Writes configuration and database. No KDC runs yet. */
export const createRealm = async (directory: string, options: RealmOptions): Promise<Realm> => {
  const settings = { name: 'WARDCC.TEST', clockSkew: 300, neighbours: [], keyTypes: aes, ...options };
  const { name, port } = settings;
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const realm = {
    name,
    directory,
    port,
    environment: {
      KRB5_CONFIG: join(directory, 'krb5.conf'),
      KRB5_KDC_PROFILE: join(directory, 'kdc.conf'),
      KRB5RCACHENAME: `file2:${join(directory, 'replay')}`,
    },
  };
  await writeFile(realm.environment.KRB5_CONFIG, configuration(settings));
  await writeFile(realm.environment.KRB5_KDC_PROFILE, kdcConfiguration(settings, directory));
  await writeFile(join(directory, 'kadm5.acl'), '');
  await tool(realm, 'kdb5_util', ['create', '-s', '-r', name, '-P', 'a master key for tests']);
  return realm;
};

/** The environment in which programs use this realm, and nothing of the caller's own Kerberos settings. */
export const realmEnvironment = (realm: Realm, cache?: string): NodeJS.ProcessEnv => {
  const inherited = Object.fromEntries(Object.entries(process.env).filter(([key]) => !key.startsWith('KRB5')));
  const path = `${process.env['PATH'] ?? '/usr/bin:/bin'}:/usr/sbin:/sbin`;
  return { ...inherited, ...realm.environment, PATH: path, ...(cache === undefined ? {} : { KRB5CCNAME: `FILE:${cache}` }) };
};

const tool = (realm: Realm, program: string, args: readonly string[], cache?: string, input?: string): Promise<string> =>
  run(program, args, { env: realmEnvironment(realm, cache), ...(input === undefined ? {} : { input }) });

// kadmin's own rule: a quotation mark is doubled, a backslash is itself.
const quote = (text: string): string => `"${text.replaceAll('"', '""')}"`;

/** Adds a principal: with a password for people, with a random key for services. */
export const addPrincipal = (realm: Realm, principal: string, password?: string): Promise<string> =>
  tool(realm, 'kadmin.local', ['-q', `addprinc ${password === undefined ? '-randkey' : `-pw ${quote(password)}`} ${quote(principal)}`]);

/** Writes the keys of a service to a keytab, created or added to. Without `keep` the service gets new keys. */
export const writeKeytab = (realm: Realm, principal: string, keytab: string, { keep = true } = {}): Promise<string> =>
  tool(realm, 'kadmin.local', ['-q', `ktadd -k ${quote(keytab)} ${keep ? '-norandkey ' : ''}${quote(principal)}`]);

/** Gets a ticket into the cache file. `lifetime` as kinit writes it, such as `3s`; `options` are those of kinit. */
export const getTicket = async (
  realm: Realm, principal: string, password: string, cache: string, lifetime?: string, options: readonly string[] = [],
): Promise<void> => {
  const lasting = lifetime === undefined ? [] : ['-l', lifetime];
  await tool(realm, 'kinit', ['-c', `FILE:${cache}`, ...lasting, ...options, principal], cache, `${password}\n`);
};

/** Starts the KDC, detached, and waits until it accepts. Returns its process id. */
export const startKdc = async (realm: Realm): Promise<number> => {
  const kdc = spawn('krb5kdc', ['-n', '-r', realm.name], { env: realmEnvironment(realm), stdio: 'ignore', detached: true });
  const died = new Promise<never>((_, reject) => {
    kdc.once('error', (error) => reject(new WardError('dev-failed', `krb5kdc could not be started: ${error.message}`, { cause: error })));
    kdc.once('exit', (code) => reject(new WardError('dev-failed', `krb5kdc ended at once (${code}): see ${realm.directory}/kdc.txt`)));
  });
  died.catch(() => undefined);
  await Promise.race([died, accepting({ port: realm.port })]);
  kdc.unref();
  return kdc.pid!;
};

/** Resolves once somebody listens there, on 127.0.0.1 unless an address is given; gives up after ten seconds. */
export const accepting = async ({ address = '127.0.0.1', port }: { readonly address?: string; readonly port: number }): Promise<void> => {
  const deadline = Date.now() + 10_000;
  for (;;) {
    const accepted = await new Promise<boolean>((resolve) => {
      const socket = connect({ port, host: address }, () => resolve(true));
      socket.once('error', () => resolve(false));
      socket.once('connect', () => socket.destroy());
    });
    if (accepted) return;
    if (Date.now() > deadline) throw new WardError('dev-failed', `nothing listens on port ${port} of ${address}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
};
