/**
 * The signature of a certificate authority under an OpenSSH certificate. sshd has checked it; a forged preface would not pass here.
 *
 * @module
 */
import { createPublicKey, verify, type KeyObject } from 'node:crypto';
import type { SshCertificate } from './key.ts';
import { WireReader } from './wire.ts';

const base64url = (bytes: Buffer): string => bytes.toString('base64url');

/** A positive integer without the zero that keeps its sign. */
const unsigned = (mpint: Buffer): Buffer => (mpint[0] === 0 ? mpint.subarray(1) : mpint);

const padded = (mpint: Buffer, length: number): Buffer => {
  const bytes = unsigned(mpint);
  if (bytes.length > length) throw new RangeError('too long');
  return Buffer.concat([Buffer.alloc(length - bytes.length), bytes]);
};

const curves: Readonly<Record<string, { crv: string; bytes: number; hash: string }>> = {
  nistp256: { crv: 'P-256', bytes: 32, hash: 'sha256' },
  nistp384: { crv: 'P-384', bytes: 48, hash: 'sha384' },
  nistp521: { crv: 'P-521', bytes: 66, hash: 'sha512' },
};

const importKey = (jwk: Readonly<Record<string, string>>): KeyObject => createPublicKey({ format: 'jwk', key: jwk });

type Verify = (key: WireReader, algorithm: string, signature: Buffer, signed: Buffer) => boolean;

const verifyEcdsa: Verify = (key, algorithm, signature, signed) => {
  const name = key.text();
  const curve = curves[name];
  const point = key.string();
  if (curve === undefined || algorithm !== `ecdsa-sha2-${name}` || point[0] !== 4 || point.length !== 1 + 2 * curve.bytes) return false;
  const numbers = new WireReader(signature, 'The signature');
  const raw = Buffer.concat([padded(numbers.string(), curve.bytes), padded(numbers.string(), curve.bytes)]);
  numbers.end();
  const [x, y] = [point.subarray(1, 1 + curve.bytes), point.subarray(1 + curve.bytes)].map(base64url) as [string, string];
  const jwk = { kty: 'EC', crv: curve.crv, x, y };
  return verify(curve.hash, signed, { key: importKey(jwk), dsaEncoding: 'ieee-p1363' }, raw);
};

/** SHA-1 is no signature any more. */
const rsaHashes: Readonly<Record<string, string>> = { 'rsa-sha2-256': 'sha256', 'rsa-sha2-512': 'sha512' };

const verifiers: Readonly<Record<string, Verify>> = {
  'ssh-ed25519': (key, algorithm, signature, signed) =>
    algorithm === 'ssh-ed25519' && verify(null, signed, importKey({ kty: 'OKP', crv: 'Ed25519', x: base64url(key.string()) }), signature),
  'ssh-rsa': (key, algorithm, signature, signed) => {
    const hash = rsaHashes[algorithm];
    const [e, n] = [key.string(), key.string()];
    if (hash === undefined) return false;
    return verify(hash, signed, importKey({ kty: 'RSA', e: base64url(unsigned(e)), n: base64url(unsigned(n)) }), signature);
  },
  'ecdsa-sha2-nistp256': verifyEcdsa,
  'ecdsa-sha2-nistp384': verifyEcdsa,
  'ecdsa-sha2-nistp521': verifyEcdsa,
};

/** Did the authority that stands in the certificate sign it? Keys on security tokens are not known here, and are no. */
export const isSignedByAuthority = ({ authority, signed, signature }: SshCertificate): boolean => {
  try {
    const key = new WireReader(authority, 'The key of the authority');
    const check = verifiers[key.text()];
    const written = new WireReader(signature, 'The signature');
    const algorithm = written.text();
    const value = written.string();
    written.end();
    return check !== undefined && check(key, algorithm, value, signed);
  } catch {
    return false;
  }
};
