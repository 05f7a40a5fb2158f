/**
 * Signs certificates and revocation lists. node-forge refuses elliptic curve keys, so the part to be signed is written as
 * ASN.1 and signed by node:crypto (P-256 with SHA-256).
 *
 * @module
 */

import { sign, type KeyObject } from 'node:crypto';
import {
  bits, encode, enumerated, explicit, integer, octets, oid, sequence, set, time, toPem, unsigned, utf8, decode, type Der,
} from './der.ts';
import { authorityKeyIdentifier } from './extensions.ts';
import { oids } from './oids.ts';

/** An issuer that can sign: its name, its public key and the private key. */
export interface Signer {
  readonly name: string;
  readonly spki: Buffer;
  readonly key: KeyObject;
}

export interface CertificateFields {
  /** 16 random bytes; the first bit is cleared to keep the integer positive without a 17th byte. */
  readonly serial: Buffer;
  readonly subject: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** SubjectPublicKeyInfo of the subject, DER. */
  readonly spki: Buffer;
  readonly extensions: readonly Der[];
}

const algorithm = (): Der => sequence(oid(oids.ecdsaWithSha256));

/** A distinguished name of one common name; longer ones are cut at the 64 characters X.520 allows. */
const commonName = (text: string): Der => sequence(set(sequence(oid(oids.commonName), utf8([...text].slice(0, 64).join('')))));

const signed = (label: string, tbs: Der, key: KeyObject): string => {
  const signature = sign('sha256', encode(tbs), { key, dsaEncoding: 'der' });
  return toPem(label, encode(sequence(tbs, algorithm(), bits(signature))));
};

/** A version 3 certificate, as PEM. */
export const signCertificate = (fields: CertificateFields, issuer: Signer): string => {
  const tbs = sequence(
    explicit(0, integer(2)),
    unsigned(fields.serial),
    algorithm(),
    commonName(issuer.name),
    sequence(time(fields.notBefore), time(fields.notAfter)),
    commonName(fields.subject),
    decode(fields.spki),
    explicit(3, sequence(...fields.extensions)),
  );
  return signed('CERTIFICATE', tbs, issuer.key);
};

/** Reasons of RFC 5280 section 5.3.1 that make sense here. */
export const revocationReasons = Object.freeze({
  unspecified: 0, keyCompromise: 1, affiliationChanged: 3, superseded: 4, cessationOfOperation: 5, privilegeWithdrawn: 9,
} as const);

export type RevocationReason = keyof typeof revocationReasons;

export interface RevokedEntry {
  /** Hexadecimal, as the database keeps it. */
  readonly serial: string;
  readonly at: Date;
  readonly reason: RevocationReason;
}

export interface CrlFields {
  readonly number: number;
  readonly thisUpdate: Date;
  readonly nextUpdate: Date;
  readonly revoked: readonly RevokedEntry[];
}

const revokedEntry = (entry: RevokedEntry): Der => {
  const head = [unsigned(Buffer.from(entry.serial, 'hex')), time(entry.at)];
  // RFC 5280 section 5.3.1: the reason is left out rather than written as `unspecified`.
  if (entry.reason === 'unspecified') return sequence(...head);
  return sequence(...head, sequence(sequence(oid(oids.reasonCode), octets(encode(enumerated(revocationReasons[entry.reason]))))));
};

/** A version 2 certificate revocation list, as PEM. */
export const signCrl = (fields: CrlFields, issuer: Signer): string => {
  const head = [integer(1), algorithm(), commonName(issuer.name), time(fields.thisUpdate), time(fields.nextUpdate)];
  const list = fields.revoked.length > 0 ? [sequence(...fields.revoked.map(revokedEntry))] : [];
  const number = sequence(oid(oids.crlNumber), octets(encode(integer(fields.number))));
  const tbs = sequence(...head, ...list, explicit(0, sequence(authorityKeyIdentifier(issuer.spki), number)));
  return signed('X509 CRL', tbs, issuer.key);
};
