/**
 * What a certificate that OpenSSL has accepted asserts: which person, or which server. These checks come after OpenSSL's and
 * can only refuse more. A name counts only if the CA that issued the certificate may assert it.
 *
 * @module
 */

import { isIP } from 'node:net';
import { X509Certificate } from 'node:crypto';
import type { PeerCertificate } from 'node:tls';
import { WardError } from '../protocol/errors.ts';
import { altNames, type AltName } from './altnames.ts';
import { oids } from './oids.ts';
import { serverMarker } from './profile.ts';

type NameKind = 'uri' | 'email' | 'upn';

/** Which names a CA may assert; the policy's anchors have this shape. */
export interface NameAnchor {
  readonly id: string;
  /** SHA-256 fingerprint of the certificate of the issuing CA in hex, or `*`: any CA that the TLS configuration trusts. */
  readonly ca: string;
  /** URI: what it must start with, and what is cut off. Email and UPN: what it must end with. None: this kind does not count. */
  readonly names: Readonly<Record<NameKind, readonly string[]>>;
}

export interface PeerIdentity {
  /** Name of the principal, without the mechanism. */
  readonly name: string;
  readonly kind: NameKind;
  readonly anchor: string;
}

/** SHA-256 of the certificate in hex, as anchors and logs name it. */
export const fingerprint = (certificate: X509Certificate): string => certificate.fingerprint256.replaceAll(':', '').toLowerCase();

const isIssuer = (issuer: X509Certificate, leaf: X509Certificate): boolean => {
  try {
    return issuer.ca && leaf.checkIssued(issuer) && leaf.verify(issuer.publicKey);
  } catch {
    return false;
  }
};

type Refusal = 'certificate-invalid' | 'name-not-allowed' | 'name-ambiguous' | 'server-untrusted';

const refuse = (code: Refusal, sentence: string, cause?: unknown): never => {
  throw new WardError(code, sentence, { cause });
};

const readNames = (certificate: X509Certificate): AltName[] => {
  try {
    return altNames(certificate);
  } catch (cause) {
    return refuse('certificate-invalid', 'The names in the certificate are malformed.', cause);
  }
};

const isMarker = ({ kind, value }: AltName): boolean => kind === 'uri' && value.toLowerCase().startsWith(serverMarker);

/** Does the certificate carry the marker of a compile server? */
export const isOfServer = (leaf: X509Certificate): boolean => readNames(leaf).some(isMarker);

/** A suffix ends a name only at a boundary: `corp.example` does not admit `alice@evilcorp.example`. */
const endsAt = (value: string, suffix: string): boolean => {
  if (!value.endsWith(suffix) || value.length === suffix.length) return false;
  return /^[@.]/.test(suffix) || value[value.length - suffix.length - 1] === '@';
};

/** Lower-case domain: it is compared without case (RFC 5321 section 2.4); the part before it is compared exactly. */
const foldDomain = (address: string): string => {
  const at = address.lastIndexOf('@');
  return at < 1 ? address : address.slice(0, at) + address.slice(at).toLowerCase();
};

const hasAddress = ({ names }: NameAnchor, name: string): boolean =>
  name.includes('@') && [...names.email, ...names.upn].some((suffix) => endsAt(name, suffix.toLowerCase()));

/**
 * The principal names that an anchor lets one alternative name stand for: none, or one for each prefix or suffix that fits.
 *
 * @param own the anchors of the same CA
 * @param all those of every CA: an address that one of them is given is nothing that another may write behind a prefix
 */
const asserted = ({ kind, value }: AltName, anchor: NameAnchor, own: readonly NameAnchor[], all: readonly NameAnchor[]): string[] => {
  if (!/^[\x21-\x7e]{1,256}$/.test(value)) return [];
  if (kind === 'uri') {
    const prefixes = anchor.names.uri.filter((prefix) => value.startsWith(prefix) && value !== prefix);
    const among = (anchors: readonly NameAnchor[], name: string): boolean => anchors.some((one) => hasAddress(one, foldDomain(name)));
    return prefixes.map((prefix) => value.slice(prefix.length)).filter((name) => among(own, name) || !among(all, name));
  }
  if (kind !== 'email' && kind !== 'upn') return [];
  const name = foldDomain(value);
  const oneAt = name.indexOf('@') > 0 && name.indexOf('@') === name.lastIndexOf('@');
  return oneAt && anchor.names[kind].some((suffix) => endsAt(name, suffix.toLowerCase())) ? [name] : [];
};

/**
 * Who a client certificate says its holder is. Attacker-controlled until OpenSSL has accepted the chain: call it after that.
 * An anchor counts when it names the very CA that signed the certificate; an intermediate CA is an anchor of its own.
 *
 * @param authorities further CA certificates among which the issuer may be found, beside those the peer sent
 * @throws WardError `certificate-invalid` (not for client authentication, a CA, that of a server, malformed), `name-not-allowed` (no name that
 * this CA may assert), `name-ambiguous` (more than one)
 */
export const peerIdentity = (
  leaf: X509Certificate, anchors: readonly NameAnchor[], authorities: readonly X509Certificate[] = [],
): PeerIdentity => {
  if (leaf.ca) refuse('certificate-invalid', 'A CA certificate is no client certificate.');
  if (!(leaf.keyUsage ?? []).includes(oids.clientAuth)) {
    refuse('certificate-invalid', 'The certificate is not for client authentication (extended key usage clientAuth).');
  }
  const all = readNames(leaf);
  if (all.some(isMarker)) refuse('certificate-invalid', 'The certificate is that of a compile server, which may run no jobs.');
  const names = all.filter(({ kind }) => kind === 'uri' || kind === 'email' || kind === 'upn');
  if (names.length === 0) {
    refuse('name-not-allowed', 'The certificate carries no URI, e-mail address or user principal name, so it names nobody.');
  }
  const candidates = [leaf.issuerCertificate, ...authorities].filter((issuer) => issuer !== undefined);
  const issuers = candidates.filter((issuer) => isIssuer(issuer, leaf)).map(fingerprint);
  const applicable = anchors.filter(({ ca }) => ca === '*' || issuers.includes(ca.replaceAll(':', '').toLowerCase()));
  if (applicable.length === 0) {
    refuse('name-not-allowed', 'No anchor of the policy lets the CA that issued this certificate assert a name.');
  }
  const found = new Map<string, PeerIdentity>();
  for (const [index, name] of names.entries()) {
    for (const anchor of applicable) {
      for (const principal of asserted(name, anchor, applicable, anchors)) {
        found.set(`${index} ${principal}`, { name: principal, kind: name.kind as NameKind, anchor: anchor.id });
      }
    }
  }
  const [identity, another] = found.values();
  if (another !== undefined) {
    return refuse(
      'name-ambiguous',
      'The certificate carries more than one name that the policy would accept, so it names nobody for certain.',
    );
  }
  return identity ?? refuse('name-not-allowed', 'The CA that issued this certificate may not assert the name in it.');
};

/**
 * Checks that a certificate which OpenSSL has accepted is that of the compile server `host`: the exact name (no wildcard, no
 * common name), extended key usage serverAuth, and the marker that makes a host of this CA a compile server.
 *
 * @throws WardError `server-untrusted`
 */
export const checkServer = (host: string, leaf: X509Certificate): void => {
  const names = readNames(leaf);
  const wanted = host.toLowerCase();
  if (leaf.ca || !(leaf.keyUsage ?? []).includes(oids.serverAuth)) {
    refuse('server-untrusted', 'The certificate of the server is not for servers (extended key usage serverAuth).');
  }
  const isNamed = isIP(host) === 0
    ? names.some(({ kind, value }) => kind === 'dns' && value.toLowerCase() === wanted)
    : leaf.checkIP(host) !== undefined;
  if (!isNamed) refuse('server-untrusted', `The certificate of the server is not for ${host}.`);
  const markers = [`${serverMarker}${wanted}`, `${serverMarker}//${wanted}`];
  if (!names.some(({ kind, value }) => kind === 'uri' && markers.includes(value.toLowerCase()))) {
    refuse('server-untrusted', `The certificate is for ${host} but not for a compile server: it lacks the name ${serverMarker}${host}.`);
  }
};

/**
 * Which compile server the holder of a client certificate is: its names, in lower case. Attacker-controlled until OpenSSL has accepted the
 * chain: call it after that.
 *
 * @throws WardError `certificate-invalid`: not that of a compile server, or not for client authentication too
 */
export const peerNames = (leaf: X509Certificate): readonly string[] => {
  const marked = readNames(leaf).filter(isMarker).map(({ value }) => value.slice(serverMarker.length).replace(/^\/\//, '').toLowerCase());
  if (marked.length === 0) refuse('certificate-invalid', `The certificate is not that of a compile server: it lacks a name ${serverMarker}HOST.`);
  if (!(leaf.keyUsage ?? []).includes(oids.clientAuth)) {
    refuse('certificate-invalid', 'The certificate of this server is not for client authentication too (extended key usage clientAuth).');
  }
  // What it may not be to a client, it is not to a server either.
  try {
    for (const name of marked) checkServer(name, leaf);
    return marked;
  } catch (cause) {
    return refuse('certificate-invalid', (cause as WardError).message, cause);
  }
};

/** For `checkServerIdentity` of `tls.connect`, which calls it only once the chain has been accepted. */
export const checkServerIdentity = (host: string, certificate: PeerCertificate): Error | undefined => {
  try {
    checkServer(host, new X509Certificate(certificate.raw));
    return undefined;
  } catch (error) {
    return error as Error;
  }
};
