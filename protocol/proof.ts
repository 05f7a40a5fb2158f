/**
 * What each side of a Kerberos handshake sends under the confidentiality of its context: the digest that binds the context to this
 * TLS connection and to every byte of this handshake.
 *
 * The form is that of an RFC 4752 (SASL GSSAPI) client's last message, because that is what GSS libraries for scripts can send:
 * one byte for "no security layer", three for a size, then text.
 *
 * @module
 */
import { timingSafeEqual } from 'node:crypto';
import { WardError } from './errors.ts';
import type { AuthIo } from './handshake-wire.ts';
import { bindingDigest, EXPORTER_BINDING } from './keys.ts';
import type { Role } from './transcript.ts';

/** The four bytes before the digest. */
export const PROOF_PREFIX = Buffer.from('010000ff', 'hex');

/** Digest of this connection and of the handshake so far, as 64 hexadecimal digits. Throws where there is no TLS. */
export const proofText = (role: Role, io: Pick<AuthIo, 'exporter' | 'transcript'>): string => {
  const exported = io.exporter(EXPORTER_BINDING, 32);
  if (exported === undefined) throw new WardError('mechanism-not-permitted', 'Mechanism krb5 needs a TLS connection.');
  return bindingDigest(role, exported, io.transcript()).toString('hex');
};

export const proofMessage = (text: string): Buffer => Buffer.concat([PROOF_PREFIX, Buffer.from(text, 'latin1')]);

/** Is `message` exactly this proof? Attacker-controlled. */
export const isProof = (message: Buffer, text: string): boolean => {
  const expected = proofMessage(text);
  return message.length === expected.length && timingSafeEqual(message, expected);
};
