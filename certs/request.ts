/**
 * Certificate signing requests (PKCS #10, RFC 2986). Only the public key is taken from one, after the request's own
 * signature has shown that the sender holds the private key; which names a certificate gets is the CA's decision.
 *
 * @module
 */

import { createPublicKey, verify, type KeyObject } from 'node:crypto';
import { WardError } from '../protocol/errors.ts';
import { decode, encode, fields, fromPem, readBits, readOid } from './der.ts';
import { signatureHashes } from './oids.ts';

const curves: readonly string[] = ['prime256v1', 'secp384r1', 'secp521r1'];

const acceptable = (key: KeyObject): boolean => {
  if (key.asymmetricKeyType === 'ed25519') return true;
  if (key.asymmetricKeyType === 'rsa') return (key.asymmetricKeyDetails?.modulusLength ?? 0) >= 2048;
  return key.asymmetricKeyType === 'ec' && curves.includes(key.asymmetricKeyDetails?.namedCurve ?? '');
};

/**
 * The public key of a signing request, as SubjectPublicKeyInfo in DER. Attacker-controlled: the request may come from anybody.
 *
 * @throws WardError `certs-refused`: not a request, a wrong signature, or a key that is too weak
 */
export const requestKey = (pem: string): Buffer => {
  const [der] = fromPem(pem, 'CERTIFICATE REQUEST', 'NEW CERTIFICATE REQUEST');
  if (der === undefined) throw new WardError('certs-refused', 'This is not a certificate signing request in PEM form.');
  let info: Buffer;
  let spki: Buffer;
  let hash: string | null | undefined;
  let signature: Buffer;
  let key: KeyObject;
  try {
    const [body, algorithm, bitString] = fields(decode(der));
    const [, , keyInfo] = fields(body);
    if (body === undefined || keyInfo === undefined) throw new Error('DER: a certification request has a body with a key');
    info = encode(body);
    spki = encode(keyInfo);
    hash = signatureHashes[readOid(fields(algorithm)[0])];
    signature = readBits(bitString);
    key = createPublicKey({ key: spki, format: 'der', type: 'spki' });
  } catch (cause) {
    throw new WardError('certs-refused', 'The certificate signing request is malformed.', { cause });
  }
  if (hash === undefined) throw new WardError('certs-refused', 'The request is signed with an algorithm that is not accepted here.');
  if (!acceptable(key)) {
    throw new WardError(
      'certs-refused',
      'The key in the request is too weak: use P-256, P-384, P-521, Ed25519, or RSA with at least 2048 bits.',
    );
  }
  if (!verify(hash, info, key, signature)) throw new WardError('certs-refused', 'The request is not signed by the key it carries.');
  return spki;
};
