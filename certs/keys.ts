/**
 * Private keys: P-256, made by node:crypto, kept as PKCS #8. An encrypted one uses PBES2 with AES-256 and PBKDF2 over
 * HMAC-SHA-256 (RFC 8018) with 600,000 rounds; OpenSSL's own export would do 2,048.
 *
 * @module
 */

import { createCipheriv, createPrivateKey, generateKeyPairSync, pbkdf2Sync, randomBytes, type KeyObject } from 'node:crypto';
import { WardError } from '../protocol/errors.ts';
import { encode, integer, octets, oid, sequence, toPem } from './der.ts';
import { oids } from './oids.ts';
import forge from 'node-forge';

const rounds = 600_000;

export interface FreshKey {
  readonly key: KeyObject;
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Buffer;
}

export const generateKey = (): FreshKey => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  return { key: privateKey, spki: publicKey.export({ type: 'spki', format: 'der' }) };
};

export const plainKeyPem = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' }) as string;

/** EncryptedPrivateKeyInfo as PEM. */
export const encryptedKeyPem = (key: KeyObject, passphrase: string): string => {
  const salt = randomBytes(16);
  const iv = randomBytes(16);
  const cipher = createCipheriv('aes-256-cbc', pbkdf2Sync(passphrase, salt, rounds, 32, 'sha256'), iv);
  const body = Buffer.concat([cipher.update(key.export({ type: 'pkcs8', format: 'der' })), cipher.final()]);
  const nothing = forge.asn1.create(forge.asn1.Class.UNIVERSAL, forge.asn1.Type.NULL, false, '');
  const derivation = sequence(oid(oids.pbkdf2), sequence(octets(salt), integer(rounds), sequence(oid(oids.hmacWithSha256), nothing)));
  const scheme = sequence(oid(oids.pbes2), sequence(derivation, sequence(oid(oids.aes256Cbc), octets(iv))));
  return toPem('ENCRYPTED PRIVATE KEY', encode(sequence(scheme, octets(body))));
};

export const isEncrypted = (pem: string): boolean => pem.includes('-----BEGIN ENCRYPTED PRIVATE KEY-----');

/**
 * Opens a private key.
 *
 * @throws WardError `certs-refused`: no passphrase for an encrypted key, a wrong one, or no key at all
 */
export const openKey = (pem: string, passphrase: string | undefined, path: string): KeyObject => {
  if (isEncrypted(pem) && passphrase === undefined) {
    throw new WardError('certs-refused', `${path} is encrypted and no passphrase was given.`);
  }
  try {
    return createPrivateKey({ key: pem, format: 'pem', ...(passphrase === undefined ? {} : { passphrase }) });
  } catch (cause) {
    throw new WardError(
      'certs-refused',
      isEncrypted(pem) ? `The passphrase does not open ${path}.` : `${path} holds no private key.`,
      { cause },
    );
  }
};
