/**
 * Keys, certificates and lists made by ssh-keygen: the oracle for what reads them.
 *
 * @module
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';

export interface KeyRing {
  readonly directory: string;
  /** Makes a key pair; returns the path of the private one. */
  makeKey(name: string, type?: 'ed25519' | 'rsa' | 'ecdsa', bits?: number): string;
  /** Signs `key`; returns the line of the certificate. */
  certify(authority: string, key: string, options?: { id?: string; principals?: string; serial?: number; validity?: string; host?: boolean; extra?: readonly string[] }): string;
  /** Makes a list of revoked keys from a specification; `authority` is what serials and ids belong to. */
  makeList(specification: string, authority?: string): string;
  /** Does ssh-keygen find this key or certificate in the list? */
  isRevoked(list: string, file: string): boolean;
}

export const readLine = (file: string): string => readFileSync(file, 'utf8').trim();

export const makeKeyRing = (t: ExecutionContext<unknown>): KeyRing => {
  const directory = mkdtempSync(join(tmpdir(), 'wardcc test keys '));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  const keygen = (...args: string[]): void => void execFileSync('ssh-keygen', ['-q', ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
  let lists = 0;
  return {
    directory,
    makeKey: (name, type = 'ed25519', bits) => {
      const file = join(directory, name);
      keygen('-t', type, ...(bits === undefined ? [] : ['-b', String(bits)]), '-N', '', '-C', 'a comment', '-f', file);
      return file;
    },
    certify: (authority, key, { id = 'alice', principals = 'alice', serial = 0, validity = '-5m:+1h', host = false, extra = [] } = {}) => {
      keygen('-s', authority, ...(host ? ['-h'] : []), '-I', id, ...(principals === '' ? [] : ['-n', principals]), '-z', String(serial), '-V', validity, ...extra, `${key}.pub`);
      return readLine(`${key}-cert.pub`);
    },
    makeList: (specification, authority) => {
      const list = join(directory, `list-${lists++}`);
      writeFileSync(`${list}.txt`, specification);
      keygen('-k', '-f', list, ...(authority === undefined ? [] : ['-s', `${authority}.pub`]), `${list}.txt`);
      return list;
    },
    isRevoked: (list, file) => spawnSync('ssh-keygen', ['-Q', '-f', list, file]).status !== 0,
  };
};
