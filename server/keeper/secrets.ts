/**
 * The keeper's own secrets: the Ed25519 key that signs results and checkpoints, and the key of the digests that stand for argument values.
 *
 * What always holds: the private files are made with mode 0600 and refused when anybody else could read them; only the public key is shown.
 *
 * @module
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes, type KeyObject } from 'node:crypto';
import { closeSync, fstatSync, linkSync, mkdirSync, openSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { keyId } from '../../policy/log/checkpoint.ts';
import { WardError } from '../../protocol/errors.ts';

export interface Secrets {
  readonly key: KeyObject;
  readonly publicKey: KeyObject;
  readonly keyId: string;
  readonly redactionKey: Buffer;
}

/** Reads the secrets in a directory, making those that are missing. Throws `config-invalid`. */
export const openSecrets = (directory: string): Secrets => {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const pem = readOrMake(join(directory, 'result-key.pem'), () =>
    generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }),
  );
  const key = parseKey(pem, join(directory, 'result-key.pem'));
  const publicKey = createPublicKey(key);
  writeFileSync(join(directory, 'result-key.pub.pem'), publicKey.export({ type: 'spki', format: 'pem' }), { mode: 0o644 });
  const redactionKey = Buffer.from(
    readOrMake(join(directory, 'redaction-key'), () => randomBytes(32).toString('hex'))
      .toString('latin1')
      .trim(),
    'hex',
  );
  if (redactionKey.length !== 32) throw invalid(join(directory, 'redaction-key'), 'this is not a key of 64 hex digits');
  return { key, publicKey, keyId: keyId(publicKey), redactionKey };
};

const invalid = (file: string, sentence: string, cause?: unknown): WardError =>
  new WardError('config-invalid', `${file}: ${sentence}`, { at: file, cause });

const parseKey = (pem: Buffer, file: string): KeyObject => {
  try {
    const key = createPrivateKey(pem);
    if (key.asymmetricKeyType === 'ed25519') return key;
  } catch (cause) {
    throw invalid(file, 'this is not a private key in PEM', cause);
  }
  throw invalid(file, 'this is not an Ed25519 key');
};

const readOrMake = (file: string, make: () => string | Buffer): Buffer => {
  let fd: number;
  try {
    fd = openSync(file, 'r');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT')
      throw invalid(file, `the file cannot be read (${(cause as Error).message})`, cause);
    // Whole or not at all: a crash in the middle must not leave half a key.
    const temporary = `${file}.${process.pid}.new`;
    writeFileSync(temporary, make(), { mode: 0o600, flag: 'wx', flush: true });
    linkSync(temporary, file);
    unlinkSync(temporary);
    fd = openSync(file, 'r');
  }
  try {
    if ((fstatSync(fd).mode & 0o077) !== 0) throw invalid(file, 'others may read this secret: chmod 600');
    return readFileSync(fd);
  } finally {
    closeSync(fd);
  }
};
