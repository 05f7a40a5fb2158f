/**
 * Signatures of minisign, verified and made without minisign: Ed25519 over BLAKE2b-512 of the file (`ED`), and over signature and trusted
 * comment. minisign itself verifies ours, and we verify its.
 *
 * @module
 */
import { createPublicKey, hash, verify } from 'node:crypto';
import nacl from 'tweetnacl';
import { WardError } from '../../protocol/errors.ts';
import { formatSignature, parseSignature, printKeyId, type PublicKey } from './format.ts';
import type { SecretKey } from './secret-key.ts';

const digestOf = (bytes: Buffer): Buffer => hash('blake2b512', bytes, 'buffer');

/** By OpenSSL, which takes a hundredth of the time that JavaScript needs: each agent does this when it starts. */
const isSignature = (signature: Buffer, { key }: PublicKey, message: Buffer): boolean =>
  verify(null, message, createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(key).toString('base64url') }, format: 'jwk' }), signature);

export interface Verified {
  readonly trustedComment: string;
  /** The key that it was made with. */
  readonly key: PublicKey;
}

export interface Verification {
  /** What was signed. */
  readonly bytes: Buffer;
  /** Text of the signature file. Attacker-controlled, as the bytes are. */
  readonly signature: string;
  /** Whose signatures count; any of them is enough. */
  readonly keys: readonly PublicKey[];
  /** Names the signature file in errors. */
  readonly file: string;
}

/** @throws WardError `config-invalid`: no signature, not of these keys, not over these bytes, or outside of its time */
export const verifySignature = ({ bytes, signature: text, keys, file }: Verification, now: number = Date.now()): Verified => {
  const refuse = (sentence: string): WardError => new WardError('config-invalid', `${file}: ${sentence}`, { at: file });
  const { id, signature, trustedComment, global } = parseSignature(text, file);
  const candidates = keys.filter((key) => key.id.equals(id));
  if (candidates.length === 0) throw refuse(`the signature is of the key ${printKeyId(id)}, which does not count here`);
  const key = candidates.find((candidate) => isSignature(signature, candidate, digestOf(bytes)));
  if (key === undefined) throw refuse('the signature is not valid for the file');
  if (!isSignature(global, key, Buffer.concat([signature, Buffer.from(trustedComment)]))) {
    throw refuse('the trusted comment is not the one that was signed');
  }
  const outside = outsideItsTime(trustedComment, now);
  if (outside !== undefined) throw refuse(outside);
  return { trustedComment, key };
};

/** `not-before:` and `not-after:` in a trusted comment, as ISO 8601 times. */
const outsideItsTime = (comment: string, now: number): string | undefined => {
  const time = (name: string): number | undefined => {
    const [, text] = new RegExp(`(?:^|[\\s,;])${name}[:=]\\s*([0-9TZ:.+-]+)`).exec(comment) ?? [];
    return text === undefined ? undefined : Date.parse(text);
  };
  const [begins, ends] = [time('not-before'), time('not-after')];
  if (Number.isNaN(begins) || Number.isNaN(ends)) return 'the trusted comment has a time that is none';
  if (begins !== undefined && now < begins) return `the signature counts from ${new Date(begins).toISOString()} on`;
  if (ends !== undefined && now > ends) return `the signature ended at ${new Date(ends).toISOString()}`;
  return undefined;
};

/** Signs bytes; the text of a `.minisig` file. */
export const sign = (bytes: Buffer, { id, key }: SecretKey, trustedComment: string, comment = 'signature from wardcc'): string => {
  const signature = Buffer.from(nacl.sign.detached(digestOf(bytes), key));
  const global = Buffer.from(nacl.sign.detached(Buffer.concat([signature, Buffer.from(trustedComment)]), key));
  return formatSignature({ id, signature, trustedComment, global }, comment);
};
