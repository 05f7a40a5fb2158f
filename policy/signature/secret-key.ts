/**
 * Secret keys of minisign, which lie encrypted under a passphrase (scrypt) or, where nobody is there to type one, in clear (`-W`).
 *
 * @module
 */
import { randomBytes, scryptSync } from 'node:crypto';
import nacl from 'tweetnacl';
import { WardError } from '../../protocol/errors.ts';
import type { PublicKey } from './format.ts';

export interface SecretKey {
  readonly id: Buffer;
  /** Seed and public key, 64 bytes. */
  readonly key: Buffer;
}

const algorithm = 'Ed';
const encrypted = 'Sc';
const clear = '\0\0';
const checksum = 'B2';
const comment = 'untrusted comment: ';

/**
 * The checksum is a BLAKE2b of 32 bytes, which is not BLAKE2b-512 cut short, and OpenSSL has only the latter: it is not checked, and in
 * clear keys it is zero, as minisign has it.
 */
const noChecksum = Buffer.alloc(32);

export const publicKeyOf = ({ id, key }: SecretKey): PublicKey => ({ id, key: key.subarray(32) });

/** A new key. */
export const makeKey = (): SecretKey => ({ id: randomBytes(8), key: Buffer.from(nacl.sign.keyPair().secretKey) });

/** The text of a key file in clear. Its file must have mode 0600. */
export const formatClearKey = ({ id, key }: SecretKey): string => {
  const bytes = Buffer.concat([Buffer.from(`${algorithm}${clear}${checksum}`, 'latin1'), Buffer.alloc(48), id, key, noChecksum]);
  return `${comment}minisign unencrypted secret key\n${bytes.toString('base64')}\n`;
};

/** libsodium's opslimit and memlimit to scrypt's N, r and p, as libsodium does it. */
const scryptParameters = (opsLimit: number, memLimit: number): { N: number; r: number; p: number } => {
  const r = 8;
  const ops = Math.max(opsLimit, 32_768);
  if (ops < memLimit / 32) return { N: powerBelow(ops / (r * 4)), r, p: 1 };
  const N = powerBelow(memLimit / (r * 128));
  return { N, r, p: Math.floor(Math.min(ops / 4 / N, 0x3fffffff) / r) };
};

/** The largest power of two up to a number, at least 2 and less than twice the number. */
const powerBelow = (maximum: number): number => {
  let power = 1;
  while (power < 63 && 2 ** power <= maximum / 2) power += 1;
  return 2 ** power;
};

/**
 * Reads a key. `passphrase` is asked only for a key that needs one.
 *
 * @throws WardError `config-invalid` for no key, or a wrong passphrase
 */
export const parseSecretKey = async (text: string, file: string, passphrase: () => string | Promise<string>): Promise<SecretKey> => {
  const refuse = (sentence: string): WardError => new WardError('config-invalid', `${file}: ${sentence}`, { at: file });
  const [first = '', second = '', ...more] = text.replace(/\r?\n$/, '').split(/\r?\n/);
  const bytes = Buffer.from(second, 'base64');
  const kind = bytes.toString('latin1', 2, 4);
  const isKey = first.startsWith(comment) && more.length === 0 && bytes.length === 158 && bytes.toString('base64') === second
    && bytes.toString('latin1', 0, 2) === algorithm && bytes.toString('latin1', 4, 6) === checksum;
  if (!isKey || (kind !== encrypted && kind !== clear)) throw refuse('this is no secret key of minisign');
  const body = Buffer.from(bytes.subarray(54));
  if (kind === encrypted) {
    const { N, r, p } = scryptParameters(Number(bytes.readBigUInt64LE(38)), Number(bytes.readBigUInt64LE(46)));
    const stream = scryptSync(await passphrase(), bytes.subarray(6, 38), body.length, { N, r, p, maxmem: 256 * N * r });
    for (let at = 0; at < body.length; at++) body[at] = body[at]! ^ stream[at]!;
  }
  const key = { id: body.subarray(0, 8), key: body.subarray(8, 72) };
  // The public half follows from the secret one: what does not fit was decrypted with another passphrase.
  const { publicKey } = nacl.sign.keyPair.fromSeed(key.key.subarray(0, 32));
  if (!key.key.subarray(32).equals(publicKey)) throw refuse(kind === encrypted ? 'the passphrase is wrong' : 'the key is damaged');
  return key;
};
