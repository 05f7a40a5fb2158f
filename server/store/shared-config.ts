/**
 * What `server.jsonc` says about the cache that servers share: where Redis is, this server's account there, and the farm's key.
 *
 * @module
 */
import { lstatSync, readFileSync } from 'node:fs';
import type { RedisOptions } from 'ioredis';
import { WardError } from '../../protocol/errors.ts';

/** Servers that fetch from each other what is too large for the cache that they share. */
export interface PeersConfig {
  /** Who issues the certificates of servers, and which were revoked. */
  readonly ca: string;
  readonly crl: string;
  /** Names of the servers that may fetch here; absent: those of the farm file. */
  readonly servers?: readonly string[];
  /** Where others reach this server under its name; absent: the first port that it listens on. */
  readonly port?: number;
}

export interface SharedCacheConfig {
  readonly host?: string;
  readonly port?: number;
  /** A unix socket instead of host and port. */
  readonly socket?: string;
  /** CA of the Redis server; its absence means no TLS, which only a socket or loopback may have. */
  readonly ca?: string;
  readonly username?: string;
  readonly passwordFile?: string;
  /** 32 random bytes in hex, the same on all servers of the farm. */
  readonly farmKeyFile: string;
  /** Absent: nothing is fetched from other servers, and none may fetch here. */
  readonly peers?: PeersConfig;
}

const path = { type: 'string', minLength: 1, maxLength: 4096 } as const;

export const sharedCacheSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['farmKeyFile'],
  properties: {
    host: { type: 'string', minLength: 1, maxLength: 253 },
    port: { type: 'integer', minimum: 1, maximum: 65535 },
    socket: path,
    ca: path,
    username: { type: 'string', minLength: 1, maxLength: 128 },
    passwordFile: path,
    farmKeyFile: path,
    peers: {
      type: 'object',
      additionalProperties: false,
      required: ['ca', 'crl'],
      properties: {
        ca: path,
        crl: path,
        servers: { type: 'array', maxItems: 1000, items: { type: 'string', minLength: 1, maxLength: 253 } },
        port: { type: 'integer', minimum: 1, maximum: 65535 },
      },
    },
  },
} as const;

const isLoopback = (host: string): boolean => host === 'localhost' || host === '::1' || host.startsWith('127.');

/** Files with secrets are regular and closed to everybody but their owner. */
function readSecret(file: string): string {
  const stat = lstatSync(file, { throwIfNoEntry: false });
  if (stat === undefined) throw new WardError('config-invalid', `The secret ${file} does not exist.`, { at: file });
  if (!stat.isFile() || (stat.mode & 0o077) !== 0) throw new WardError('config-invalid', `The secret ${file} must be a regular file that nobody else can read (mode 0600).`, { at: file });
  return readFileSync(file, 'utf8').trim();
}

/** @throws WardError `config-invalid` when something is missing, open to others, or would travel in the clear */
export function openSharedConfig({ host = 'localhost', port = 6379, socket, ca, username, passwordFile, farmKeyFile }: SharedCacheConfig): { connection: RedisOptions; farmKey: Buffer } {
  if (socket === undefined && ca === undefined && !isLoopback(host)) {
    throw new WardError('config-invalid', `The shared cache on ${host} would be reached without TLS: name its "ca" in server.jsonc.`);
  }
  const farmKey = readSecret(farmKeyFile);
  if (!/^[0-9a-f]{64}$/.test(farmKey)) throw new WardError('config-invalid', `${farmKeyFile} must hold 64 hexadecimal digits: openssl rand -hex 32.`, { at: farmKeyFile });
  return {
    farmKey: Buffer.from(farmKey, 'hex'),
    connection: {
      ...(socket === undefined ? { host, port } : { path: socket }),
      ...(ca === undefined ? {} : { tls: { ca: readFileSync(ca), servername: host, minVersion: 'TLSv1.2' as const } }),
      ...(username === undefined ? {} : { username }),
      ...(passwordFile === undefined ? {} : { password: readSecret(passwordFile) }),
    },
  };
}
