/**
 * The cache that the servers of a throwaway farm share: a Redis of its own on loopback, as docs/shared-cache.md describes one. TLS with a
 * certificate of a CA of its own, an account for each server that may get and set and nothing else, and nothing kept on disk.
 *
 * @module
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chown, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { initAuthority, openAuthority } from '../../certs/authority.ts';
import { WardError } from '../../protocol/errors.ts';
import type { ServerPlan } from './files.ts';
import type { FarmLayout } from './layout.ts';
import { freePort } from './ports.ts';
import { recordProcess, type ProcessRecord } from './processes.ts';
import { accepting } from './realm.ts';
import type { Account } from './stage.ts';

export interface FarmRedis {
  readonly directory: string;
  readonly port: number;
  /** Of the servers' accounts, in order. */
  readonly passwords: readonly string[];
  /** The farm's key, in hex. */
  readonly farmKey: string;
}

const accountOf = (server: number): string => `server-${server}`;
const passwordFile = 'redis.password';
const farmKeyFile = 'shared.key';
const caFile = 'redis-ca.pem';
const configurationFile = (directory: string): string => join(directory, 'redis.conf');

/** As redis.conf takes a path that may have spaces. */
const quoted = (path: string): string => `"${path.replaceAll(/["\\]/g, '\\$&')}"`;

/** redis.conf of a Redis that keeps nothing on disk, and listens where the other lines say. */
export const redisConfiguration = (directory: string, lines: readonly string[]): string => [
  'port 0',
  `dir ${quoted(directory)}`,
  'save ""',
  'appendonly no',
  'maxmemory 256mb',
  'maxmemory-policy allkeys-lru',
  ...lines,
  '',
].join('\n');

export interface TlsDoor {
  readonly port: number;
  /** Paths of PEM files. */
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
  /** Name and password of each account. There is no other. */
  readonly accounts: readonly (readonly [name: string, password: string])[];
}

/** Lines of redis.conf that open a port on loopback, with TLS, where each account may get and set and nothing else. */
export const tlsDoorLines = ({ port, cert, key, ca, accounts }: TlsDoor): string[] => [
  `tls-port ${port}`,
  'bind 127.0.0.1 -::1',
  `tls-cert-file ${quoted(cert)}`,
  `tls-key-file ${quoted(key)}`,
  `tls-ca-cert-file ${quoted(ca)}`,
  // Who comes is known by account and password.
  'tls-auth-clients no',
  'user default off',
  ...accounts.map(([name, password]) => `user ${name} on >${password} ~wardcc:* +get +set`),
];

/** Makes its certificate, accounts and configuration, all anew but for the CA. Nothing runs yet. */
export const prepareRedis = async (layout: FarmLayout, servers: number): Promise<FarmRedis> => {
  const directory = join(layout.directory, 'redis');
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await mkdir(layout.trust, { recursive: true, mode: 0o755 });
  const ca = join(directory, 'ca');
  const authority = existsSync(ca) ? await openAuthority(ca) : await initAuthority(ca, { name: `Redis of throwaway farm ${layout.id}`, dev: true });
  const issued = await authority.issueServer(['localhost']);
  const port = await freePort();
  const passwords = Array.from({ length: servers }, () => randomBytes(24).toString('hex'));
  const door: TlsDoor = {
    port, cert: join(directory, 'cert.pem'), key: join(directory, 'key.pem'), ca: join(ca, 'ca.pem'),
    accounts: passwords.map((password, index) => [accountOf(index + 1), password]),
  };
  const files = [[door.cert, issued.chainPem], [door.key, issued.keyPem], [configurationFile(directory), redisConfiguration(directory, tlsDoorLines(door))]] as const;
  for (const [file, text] of files) await writeFile(file, text, { mode: 0o600 });
  await writeFile(join(layout.trust, caFile), authority.caPem, { mode: 0o644 });
  return { directory, port, passwords, farmKey: randomBytes(32).toString('hex') };
};

/** Lines of server.jsonc. What is too large for Redis the servers fetch from each other. */
export const redisLines = ({ port }: FarmRedis, server: number): string[] => [
  `"shared": ${JSON.stringify({
    host: 'localhost', port, ca: `../../trust/${caFile}`, username: accountOf(server), passwordFile, farmKeyFile,
    peers: { ca: '../../trust/ca.pem', crl: '../../trust/crl.pem' },
  })}`,
];

/** Gives one server its secrets. */
export const equipForRedis = async (layout: FarmLayout, { passwords, farmKey }: FarmRedis, { number }: ServerPlan, owner: Account | undefined): Promise<void> => {
  for (const [name, secret] of [[passwordFile, passwords[number - 1]], [farmKeyFile, farmKey]] as const) {
    const file = join(layout.server(number), name);
    await writeFile(file, `${secret}\n`, { mode: 0o600 });
    if (owner !== undefined) await chown(file, owner.uid, owner.gid);
  }
};

/** Starts it, detached; it accepts when this returns. @throws WardError `dev-failed` */
export const startRedis = async ({ directory, port }: FarmRedis): Promise<ProcessRecord> => {
  const redis = spawn('redis-server', [configurationFile(directory)], { cwd: '/', detached: true, stdio: 'ignore' });
  const died = new Promise<never>((_, reject) => {
    redis.once('error', () => reject(new WardError('dev-failed', 'redis-server cannot be started: is it installed?')));
    redis.once('exit', (status) => reject(new WardError('dev-failed', `redis-server ended at once (exit status ${status}).`)));
  });
  await Promise.race([died, accepting({ port })]);
  redis.unref();
  return recordProcess('redis', redis.pid!);
};
