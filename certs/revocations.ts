/**
 * Revocation lists, read for sessions that are already open: OpenSSL looked at the list when they began, and when the file
 * changes each certificate is looked up again. A list counts only with the signature of its CA, and is not looked into before that:
 * lists come from elsewhere, often over plain HTTP, and reading a large one takes time and memory.
 *
 * @module
 */

import { verify, type KeyObject, type X509Certificate } from 'node:crypto';
import forge from 'node-forge';
import { WardError } from '../protocol/errors.ts';
import { content, decode, encode, fields, fromPem, isUniversal, readBits, readOid, slices, type Der } from './der.ts';
import { signatureHashes } from './oids.ts';
import { clientRefusal } from './verdict.ts';

const { asn1 } = forge;

interface RevocationList {
  readonly issuer: string;
  readonly thisUpdate: number;
  readonly nextUpdate: number;
  readonly serials: ReadonlySet<string>;
}

const readTime = (node: Der | undefined): number => {
  const text = content(node).toString('latin1');
  if (isUniversal(node, asn1.Type.UTCTIME)) return asn1.utcTimeToDate(text).getTime();
  if (isUniversal(node, asn1.Type.GENERALIZEDTIME)) return asn1.generalizedTimeToDate(text).getTime();
  throw new Error('DER: a time was expected');
};

const isTime = (node: Der | undefined): boolean => isUniversal(node, asn1.Type.UTCTIME) || isUniversal(node, asn1.Type.GENERALIZEDTIME);

const normalSerial = (hex: string): string => hex.toLowerCase().replace(/^0+(?=.)/, '');

/** An algorithm's name or a signature has no more bytes. */
const maxBytes = 4096;

/** What is signed, and by whose keys. @throws Error when the bytes are no signed value */
const readSigned = (der: Buffer): { readonly body: Buffer; readonly isSignedBy: (key: KeyObject) => boolean } => {
  const [body, algorithm, signature] = slices(der, 3) as [Buffer, Buffer, Buffer];
  if (algorithm.length > maxBytes || signature.length > maxBytes) throw new Error('DER: a signature was expected');
  const hash = signatureHashes[readOid(fields(decode(algorithm))[0])];
  if (hash === undefined) throw new Error('DER: an unknown signature algorithm');
  const bytes = readBits(decode(signature));
  return {
    body,
    isSignedBy(key) {
      try {
        return verify(hash, body, key, bytes);
      } catch {
        // a key of another kind than the algorithm wants
        return false;
      }
    },
  };
};

/** @param body of which the signature was checked */
const readList = (body: Buffer): RevocationList => {
  const parts = [...fields(decode(body))];
  if (isUniversal(parts[0], asn1.Type.INTEGER)) parts.shift();
  const [, issuer, thisUpdate, nextUpdate, revoked] = parts;
  if (issuer === undefined) throw new Error('DER: an issuer was expected');
  // RFC 5280 section 5.1.2.5 requires nextUpdate; a list without one would never go out of date.
  if (!isTime(nextUpdate)) throw new Error('DER: a list without nextUpdate');
  const entries = isUniversal(revoked, asn1.Type.SEQUENCE) ? fields(revoked) : [];
  return {
    issuer: encode(issuer).toString('hex'),
    thisUpdate: readTime(thisUpdate),
    nextUpdate: readTime(nextUpdate),
    serials: new Set(entries.map((entry) => normalSerial(content(fields(entry)[0]).toString('hex')))),
  };
};

/** Subject of a certificate as DER in hex: how a list names its issuer. */
const names = (certificate: X509Certificate): { issuer: string; subject: string } => {
  const parts = [...fields(fields(decode(certificate.raw))[0])];
  if (!isUniversal(parts[0], asn1.Type.INTEGER)) parts.shift();
  const [, , issuer, , subject] = parts;
  if (issuer === undefined || subject === undefined) throw new Error('DER: a certificate was expected');
  return { issuer: encode(issuer).toString('hex'), subject: encode(subject).toString('hex') };
};

export interface Revocations {
  /** When the first list goes out of date, in milliseconds since 1970. */
  readonly nextUpdate: number;
  /** Is one of these lists older than the list of the same CA in `others`? */
  isOlderThan(others: Revocations): boolean;
  /** When the list of a CA was made, in milliseconds since 1970; the CA is named by its subject as DER in hex. */
  issued(issuer: string): number | undefined;
  /**
   * Why a certificate that was accepted once is not any more: `certificate-revoked`, `crl-expired`, `crl-missing`, or
   * `certificate-expired`. Undefined while it is good.
   */
  check(certificate: X509Certificate): WardError | undefined;
}

/** The authorities whose keys signed a list, and the list if there are any. @throws WardError `crl-missing` for a malformed one */
const readWhole = (der: Buffer, authorities: readonly X509Certificate[]): { signers: readonly X509Certificate[]; list: RevocationList | undefined } => {
  try {
    const { body, isSignedBy } = readSigned(der);
    const signers = authorities.filter((authority) => isSignedBy(authority.publicKey));
    return { signers, list: signers.length === 0 ? undefined : readList(body) };
  } catch (cause) {
    throw new WardError('crl-missing', 'A revocation list is malformed.', { cause });
  }
};

/**
 * Reads the revocation lists in a PEM file.
 *
 * @param authorities the CA certificates whose lists they are
 * @throws WardError `crl-missing`: no list, a malformed one, or one that none of the authorities signed
 */
export const readRevocations = (pem: string, authorities: readonly X509Certificate[]): Revocations => {
  const lists = new Map<string, RevocationList>();
  for (const der of fromPem(pem, 'X509 CRL')) {
    const { signers, list } = readWhole(der, authorities);
    if (list === undefined || !signers.some((authority) => names(authority).subject === list.issuer)) {
      throw new WardError('crl-missing', 'A revocation list is not signed by any CA that is trusted here.');
    }
    const known = lists.get(list.issuer);
    if (known === undefined || known.thisUpdate < list.thisUpdate) lists.set(list.issuer, list);
  }
  if (lists.size === 0) throw new WardError('crl-missing', 'The file holds no revocation list.');
  return {
    nextUpdate: Math.min(...[...lists.values()].map((list) => list.nextUpdate)),
    isOlderThan: (others) => [...lists].some(([issuer, { thisUpdate }]) => thisUpdate < (others.issued(issuer) ?? 0)),
    issued: (issuer) => lists.get(issuer)?.thisUpdate,
    check(certificate) {
      const list = lists.get(names(certificate).issuer);
      if (list === undefined) return clientRefusal('UNABLE_TO_GET_CRL');
      if (list.serials.has(normalSerial(certificate.serialNumber))) return clientRefusal('CERT_REVOKED');
      if (list.nextUpdate <= Date.now()) return clientRefusal('CRL_HAS_EXPIRED');
      return Date.parse(certificate.validTo) <= Date.now() ? clientRefusal('CERT_HAS_EXPIRED') : undefined;
    },
  };
};
