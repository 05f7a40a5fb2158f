/**
 * OpenSSH public keys and certificates (PROTOCOL.certkeys of OpenSSH), as they stand in one line of text.
 *
 * @module
 */
import { createHash } from 'node:crypto';
import { WardError } from '../../protocol/errors.ts';
import { WireReader, wireString } from './wire.ts';

export interface SshCertificate {
  readonly serial: bigint;
  readonly type: 'user' | 'host';
  readonly keyId: string;
  readonly principals: readonly string[];
  /** Seconds since 1970. */
  readonly validAfter: bigint;
  /** Seconds since 1970; `forever` never comes. */
  readonly validBefore: bigint;
  /** Blob of the key that signed it. */
  readonly authority: Buffer;
  readonly signed: Buffer;
  readonly signature: Buffer;
}

export interface SshKey {
  /** Blob of the plain key, also when it came with a certificate. */
  readonly blob: Buffer;
  readonly certificate?: SshCertificate;
}

export const forever = 2n ** 64n - 1n;

const suffix = '-cert-v01@openssh.com';

/** How many strings make the key itself, by type of the plain key. */
const parts: Readonly<Record<string, number>> = Object.freeze(Object.assign(Object.create(null), {
  'ssh-ed25519': 1,
  'ssh-rsa': 2,
  'ecdsa-sha2-nistp256': 2,
  'ecdsa-sha2-nistp384': 2,
  'ecdsa-sha2-nistp521': 2,
  'sk-ssh-ed25519@openssh.com': 2,
  'sk-ecdsa-sha2-nistp256@openssh.com': 3,
}));

/** In a certificate's type the vendor stands once, at the end. */
const plainType = (type: string): string => {
  const base = type.slice(0, -suffix.length);
  return base.startsWith('sk-') ? `${base}@openssh.com` : base;
};

const refuse = (sentence: string): WardError => new WardError('certificate-invalid', sentence);

/** `SHA256:…` of a key's blob, as ssh-keygen -l prints it. */
export const sshFingerprint = (blob: Buffer): string => `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`;

const readCertificate = (type: string, bytes: Buffer): SshKey => {
  const reader = new WireReader(bytes, 'The SSH certificate');
  if (reader.text() !== type) throw refuse('The SSH certificate is not of the type that stands before it.');
  const plain = plainType(type);
  const count = parts[plain];
  if (count === undefined) throw refuse('The SSH certificate is for a kind of key that is not known here.');
  reader.string();
  const key = [plain, ...Array.from({ length: count }, () => reader.string())];
  const serial = reader.uint64();
  const kind = reader.uint32();
  if (kind !== 1 && kind !== 2) throw refuse('The SSH certificate is neither for a user nor for a host.');
  const keyId = reader.text();
  const principals = reader.nested().strings().map((name) => name.toString('utf8'));
  const validAfter = reader.uint64();
  const validBefore = reader.uint64();
  // Critical options, extensions, and what is reserved: sshd has obeyed them.
  for (let part = 0; part < 3; part++) reader.string();
  const authority = reader.string();
  const signed = bytes.subarray(0, reader.position);
  const signature = reader.string();
  reader.end();
  return {
    blob: Buffer.concat(key.map(wireString)),
    certificate: { serial, type: kind === 1 ? 'user' : 'host', keyId, principals, validAfter, validBefore, authority, signed, signature },
  };
};

/**
 * Reads `TYPE BASE64` or `TYPE BASE64 COMMENT`. Attacker-controlled.
 *
 * @throws WardError `certificate-invalid`
 */
export const parseSshKey = (line: string): SshKey => {
  const [type = '', base64 = ''] = line.trim().split(/\s+/);
  const bytes = Buffer.from(base64, 'base64');
  if (bytes.length === 0 || bytes.toString('base64') !== base64) throw refuse('This is no SSH public key.');
  if (type.endsWith(suffix)) return readCertificate(type, bytes);
  const reader = new WireReader(bytes, 'The SSH public key');
  if (reader.text() !== type || parts[type] === undefined) throw refuse('This is an SSH public key of a kind that is not known here.');
  for (let part = 0; part < parts[type]; part++) reader.string();
  reader.end();
  return { blob: bytes };
};
