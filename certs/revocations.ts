/**
 * Revocation lists, read for sessions that are already open: OpenSSL looked at the list when they began, and when the file
 * changes each certificate is looked up again. A list counts only with the signature of its CA, and is not looked into before that:
 * lists come from elsewhere, often over plain HTTP, and reading a large one takes time and memory.
 *
 * @module
 */

import { constants, verify, type KeyObject, type X509Certificate } from 'node:crypto';
import forge from 'node-forge';
import { WardError } from '../protocol/errors.ts';
import { content, decode, encode, fields, fromPem, isContext, isSlice, isUniversal, items, leadingIntegers, readBits, readOid, slices, type Der } from './der.ts';
import { hashNames, oids, signatureHashes } from './oids.ts';
import { readScope, type Scope } from './revocation-scope.ts';
import { clientRefusal } from './verdict.ts';

const { asn1 } = forge;

interface RevocationList {
  readonly issuer: string;
  readonly thisUpdate: number;
  readonly nextUpdate: number;
  readonly serials: ReadonlySet<string>;
  readonly scope: Scope;
}

const readTime = (node: Der | undefined): number => {
  const text = content(node).toString('latin1');
  if (isUniversal(node, asn1.Type.UTCTIME)) return asn1.utcTimeToDate(text).getTime();
  if (isUniversal(node, asn1.Type.GENERALIZEDTIME)) return asn1.generalizedTimeToDate(text).getTime();
  throw new Error('DER: a time was expected');
};

const isTime = (slice: Buffer): boolean => isSlice(slice, asn1.Type.UTCTIME) || isSlice(slice, asn1.Type.GENERALIZEDTIME);

/** The content of the INTEGER, of which DER has one form only: Node writes a negative number in another way. */
const serialOf = (node: Der | undefined): string => content(node).toString('hex');

/** An algorithm's name or a signature has no more bytes. */
const maxBytes = 4096;

interface Signing {
  /** Null where the algorithm has its own. */
  readonly hash: string | null;
  readonly padding: { readonly padding?: number; readonly saltLength?: number };
}

const pss = Object.freeze({ padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_AUTO });

/** Undefined where none is named, which means SHA-1. */
const pssHash = (parameters: Der | undefined): string | undefined => {
  const named = fields(parameters).find((part) => isContext(part, 0));
  return named === undefined ? undefined : hashNames[readOid(fields(items(named)[0])[0])];
};

/** @throws WardError `crl-missing` for an algorithm that is not known, or too weak */
const readAlgorithm = (der: Buffer): Signing => {
  const [name, parameters] = fields(decode(der));
  const id = readOid(name);
  const isPss = id === oids.rsaPss;
  const hash = isPss ? pssHash(parameters) : signatureHashes[id];
  if (hash !== undefined) return { hash, padding: isPss ? pss : {} };
  const known = 'RSA or ECDSA with SHA-256, SHA-384 or SHA-512, and Ed25519 are';
  throw new WardError('crl-missing', `A revocation list is signed in a way that is not accepted: ${known}.`);
};

/** What is signed, and by whose keys. @throws Error when the bytes are no signed value */
const readSigned = (der: Buffer): { readonly body: Buffer; readonly isSignedBy: (key: KeyObject) => boolean } => {
  const [body, algorithm, signature] = slices(der, 3) as [Buffer, Buffer, Buffer];
  if (algorithm.length > maxBytes || signature.length > maxBytes) throw new Error('DER: a signature was expected');
  const { hash, padding } = readAlgorithm(algorithm);
  const bytes = readBits(decode(signature));
  return {
    body,
    isSignedBy(key) {
      try {
        return verify(hash, body, { key, ...padding }, bytes);
      } catch {
        // a key of another kind than the algorithm wants
        return false;
      }
    },
  };
};

/** @param body of which the signature was checked */
const readList = (body: Buffer): RevocationList => {
  const parts = slices(body);
  if (isSlice(parts[0], asn1.Type.INTEGER)) parts.shift();
  const [, issuer, thisUpdate, nextUpdate, ...rest] = parts;
  if (issuer === undefined || thisUpdate === undefined) throw new Error('DER: an issuer was expected');
  // RFC 5280 section 5.1.2.5 requires nextUpdate; a list without one would never go out of date.
  if (nextUpdate === undefined || !isTime(nextUpdate)) throw new Error('DER: a list without nextUpdate');
  const serials = isSlice(rest[0], asn1.Type.SEQUENCE) ? leadingIntegers(rest.shift()!) : [];
  const extensions = rest.map(decode).find((part) => isContext(part, 0));
  return {
    issuer: encode(decode(issuer)).toString('hex'),
    thisUpdate: readTime(decode(thisUpdate)),
    nextUpdate: readTime(decode(nextUpdate)),
    serials: new Set(serials),
    scope: readScope(extensions),
  };
};

/** Serial number and subject of a certificate, in hex: how a list names a certificate and its issuer. */
const names = (certificate: X509Certificate): { serial: string; subject: string } => {
  const parts = [...fields(fields(decode(certificate.raw))[0])];
  if (!isUniversal(parts[0], asn1.Type.INTEGER)) parts.shift();
  const [serial, , , , subject] = parts;
  if (subject === undefined) throw new Error('DER: a certificate was expected');
  return { serial: serialOf(serial), subject: encode(subject).toString('hex') };
};

/** A CA is a name with a key: another key under the same name is another CA. */
const authorityId = (authority: X509Certificate): string =>
  `${names(authority).subject} ${authority.publicKey.export({ type: 'spki', format: 'der' }).toString('hex')}`;

const isIssuedBy = (certificate: X509Certificate, authority: X509Certificate): boolean =>
  certificate.checkIssued(authority) && certificate.verify(authority.publicKey);

export interface Revocations {
  /** When the first list goes out of date, in milliseconds since 1970. */
  readonly nextUpdate: number;
  /** When each list was made, in milliseconds since 1970, by what tells CAs, and the lists of one CA, apart. */
  readonly issued: ReadonlyMap<string, number>;
  /**
   * Why a certificate that was accepted once is not any more: `certificate-revoked`, `crl-expired`, `crl-missing`, `certificate-expired`, or
   * `certificate-invalid` when no CA here issued it. CAs between it and a root are looked up as well. Undefined while it is good.
   */
  check(certificate: X509Certificate): WardError | undefined;
}

/** The authorities whose keys signed a list, and the list if there are any. @throws WardError `crl-missing` for a malformed one, and a piece */
const readWhole = (der: Buffer, authorities: readonly X509Certificate[]): { signers: readonly X509Certificate[]; list: RevocationList | undefined } => {
  try {
    const { body, isSignedBy } = readSigned(der);
    const signers = authorities.filter((authority) => isSignedBy(authority.publicKey));
    return { signers, list: signers.length === 0 ? undefined : readList(body) };
  } catch (cause) {
    if (cause instanceof WardError) throw cause;
    throw new WardError('crl-missing', 'A revocation list is malformed.', { cause });
  }
};

/**
 * Reads the revocation lists in a PEM file.
 *
 * @param authorities the CA certificates whose lists they are
 * @throws WardError `crl-missing`: no list, a malformed one, a piece of one, or one that none of the authorities signed
 */
export const readRevocations = (pem: string, authorities: readonly X509Certificate[]): Revocations => {
  const lists = new Map<string, { readonly signer: string; readonly list: RevocationList }>();
  for (const der of fromPem(pem, 'X509 CRL')) {
    const { signers, list } = readWhole(der, authorities);
    const authority = signers.find((signer) => names(signer).subject === list?.issuer);
    if (list === undefined || authority === undefined) {
      throw new WardError('crl-missing', 'A revocation list is not signed by any CA that is trusted here.');
    }
    const signer = authorityId(authority);
    const id = `${signer} ${list.scope.id}`;
    const known = lists.get(id);
    if (known === undefined || known.list.thisUpdate < list.thisUpdate) lists.set(id, { signer, list });
  }
  if (lists.size === 0) throw new WardError('crl-missing', 'The file holds no revocation list.');

  const signerOf = new Map(authorities.map((authority) => [authority, authorityId(authority)]));
  const facts = new WeakMap<X509Certificate, { readonly serial: string; readonly issuers: readonly X509Certificate[] }>();
  const factsOf = (certificate: X509Certificate): NonNullable<ReturnType<typeof facts.get>> => {
    const known = facts.get(certificate) ?? { serial: names(certificate).serial, issuers: authorities.filter((one) => isIssuedBy(certificate, one)) };
    facts.set(certificate, known);
    return known;
  };
  /** What the lists of one CA say about a certificate. */
  const look = (certificate: X509Certificate, signer: string | undefined): WardError | undefined => {
    const about = [...lists.values()].filter((one) => one.signer === signer && one.list.scope.covers(certificate)).map(({ list }) => list);
    if (about.length === 0) return clientRefusal('UNABLE_TO_GET_CRL');
    if (about.some(({ serials }) => serials.has(factsOf(certificate).serial))) return clientRefusal('CERT_REVOKED');
    if (about.some(({ nextUpdate }) => nextUpdate <= Date.now())) return clientRefusal('CRL_HAS_EXPIRED');
    return Date.parse(certificate.validTo) <= Date.now() ? clientRefusal('CERT_HAS_EXPIRED') : undefined;
  };
  /** @param way up to here: CAs that certify each other are no way to a root */
  const check = (certificate: X509Certificate, way: readonly X509Certificate[] = []): WardError | undefined => {
    let refusal: WardError | undefined = clientRefusal('UNABLE_TO_GET_ISSUER_CERT');
    for (const issuer of factsOf(certificate).issuers.filter((one) => one === certificate || !way.includes(one))) {
      refusal = look(certificate, signerOf.get(issuer)) ?? (issuer === certificate ? undefined : check(issuer, [...way, issuer]));
      if (refusal === undefined) return undefined;
    }
    return refusal;
  };
  return {
    nextUpdate: Math.min(...[...lists.values()].map(({ list }) => list.nextUpdate)),
    issued: new Map([...lists].map(([id, { list }]) => [id, list.thisUpdate])),
    check: (certificate) => check(certificate),
  };
};
