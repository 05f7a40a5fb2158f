/**
 * The key schedule of a session: X25519 between the two hello keys, then HKDF-SHA256 salted with the transcript and fed with
 * the TLS exporter, one label a direction. A shared secret of zeros (a low-order peer key) is refused.
 *
 * @module
 */
import { createHash, hkdfSync } from 'node:crypto';
import nacl from 'tweetnacl';
import { WardError } from './errors.ts';
import type { Role } from './transcript.ts';

export const EXPORTER_KEYS = 'EXPORTER-wardcc-keys';
/** RFC 9266: what a Kerberos proof binds to. Never used as a key. */
export const EXPORTER_BINDING = 'EXPORTER-Channel-Binding';

export interface KeyPair {
  readonly publicKey: Buffer;
  readonly secretKey: Buffer;
}

export interface SessionKeys {
  /** Protects frames from the client to the server (32 bytes). */
  readonly client: Buffer;
  /** Protects frames from the server to the client (32 bytes). */
  readonly server: Buffer;
}

/** A fresh X25519 key pair, for one handshake. */
export const newKeyPair = (): KeyPair => {
  const pair = nacl.box.keyPair();
  return { publicKey: Buffer.from(pair.publicKey), secretKey: Buffer.from(pair.secretKey) };
};

/** X25519 (RFC 7748). Throws `protocol-violation` when the result is all zeros. */
export const sharedSecret = (secretKey: Buffer, peerPublicKey: Buffer): Buffer => {
  const shared = Buffer.from(nacl.scalarMult(secretKey, peerPublicKey));
  let bits = 0;
  for (const byte of shared) bits |= byte;
  if (bits === 0) throw new WardError('protocol-violation', 'The peer sent an X25519 key of low order.');
  return shared;
};

/**
 * HKDF-SHA256 (RFC 5869) over the shared secret and the 32 exporter bytes (`undefined` over SSH: 32 zero bytes), salted with
 * the transcript hash.
 */
export const deriveKeys = (transcriptHash: Buffer, shared: Buffer, exported: Buffer | undefined): SessionKeys => {
  const material = Buffer.concat([shared, exported ?? Buffer.alloc(32)]);
  const derive = (label: string): Buffer => Buffer.from(hkdfSync('sha256', material, transcriptHash, label, 32));
  const keys = { client: derive('wardcc.1 client key'), server: derive('wardcc.1 server key') };
  material.fill(0);
  return keys;
};

/**
 * What a mechanism with AUTH frames proves under its own confidentiality: SHA-256 of role, RFC 9266 exporter (length-prefixed) and
 * transcript hash. A proof for one connection, one direction or one handshake is worth nothing in another.
 */
export const bindingDigest = (role: Role, exported: Buffer, transcriptHash: Buffer): Buffer => {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(exported.length);
  return createHash('sha256').update(`wardcc.1 ${role} proof\n`).update(length).update(exported).update(transcriptHash).digest();
};
