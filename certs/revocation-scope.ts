/**
 * Which certificates a revocation list is about (RFC 5280 section 5.2.5): all of its CA, or those of a kind or of a distribution point. One
 * that says of itself that it is only a piece, or that has a meaning nobody here knows, is no list.
 *
 * @module
 */
import type { X509Certificate } from 'node:crypto';
import { WardError } from '../protocol/errors.ts';
import { content, decode, encode, fields, isContext, isUniversal, items, readOid, type Der } from './der.ts';
import { oids } from './oids.ts';

export interface Scope {
  /** Tells scopes apart. */
  readonly id: string;
  covers(certificate: X509Certificate): boolean;
}

interface Extension {
  readonly id: string;
  readonly critical: boolean;
  readonly value: Buffer;
}

const booleanType = 1;
/** Fields of an issuing distribution point that are understood; the first is one of a certificate's, too. */
const point = Object.freeze({ name: 0, users: 1, authorities: 2 });

const readExtensions = (wrapped: Der | undefined): Extension[] =>
  wrapped === undefined ? [] : fields(items(wrapped)[0]).map((extension) => {
    const [id, second, third] = fields(extension);
    const flagged = isUniversal(second, booleanType);
    return { id: readOid(id), critical: flagged && content(second)[0] !== 0, value: content(flagged ? third : second) };
  });

/** The names in a DistributionPointName, as DER in hex; undefined for a name that is relative to the CA's. */
const pointNames = (name: Der): readonly string[] | undefined => {
  const [full] = items(name);
  return isContext(full, 0) ? items(full).map((node) => encode(node).toString('hex')) : undefined;
};

/** Names of the points where a certificate says that its CA's lists are. One that says it in no way that is understood has none. */
const pointsOf = (certificate: X509Certificate): readonly string[] => {
  try {
    const extensions = readExtensions(fields(fields(decode(certificate.raw))[0]).find((node) => isContext(node, 3)));
    const found = extensions.find(({ id }) => id === oids.crlDistributionPoints);
    if (found === undefined) return [];
    return fields(decode(found.value)).flatMap((each) => fields(each).filter((node) => isContext(node, point.name)).flatMap((name) => pointNames(name) ?? []));
  } catch {
    return [];
  }
};

const piece = (what: string): WardError =>
  new WardError('crl-missing', `A revocation list ${what}: install the whole list of the CA.`);

const everything: Scope = Object.freeze({ id: '', covers: () => true });

/** @throws WardError `crl-missing` when it is about some reasons, about other CAs' certificates, or about attribute certificates */
const readPoint = (value: Buffer): Scope => {
  const parts = fields(decode(value));
  const isKnown = (part: Der): boolean => Object.values(point).some((tag) => isContext(part, tag));
  if (!parts.every(isKnown)) throw piece('is about some reasons only, about attributes, or about certificates of several CAs');
  const says = (tag: number): boolean => parts.some((part) => isContext(part, tag) && content(part)[0] !== 0);
  const [users, authorities] = [says(point.users), says(point.authorities)];
  const name = parts.find((part) => isContext(part, point.name));
  const names = name === undefined ? undefined : pointNames(name);
  if (name !== undefined && names === undefined) throw piece('is about a point whose name is not written whole');
  return {
    id: value.toString('hex'),
    covers: (certificate) => !(users && certificate.ca) && !(authorities && !certificate.ca)
      && (names === undefined || pointsOf(certificate).some((one) => names.includes(one))),
  };
};

/**
 * What a list's extensions say that it is about.
 *
 * @param wrapped the extensions of the list, with their tag
 * @throws WardError `crl-missing` for a list of changes (delta), and for one with a critical extension that is not known
 */
export const readScope = (wrapped: Der | undefined): Scope => {
  const extensions = readExtensions(wrapped);
  if (extensions.some(({ id }) => id === oids.deltaCrlIndicator)) throw piece('says only what changed since another (delta)');
  const points = extensions.filter(({ id }) => id === oids.issuingDistributionPoint);
  if (points.length > 1) throw new Error('DER: two issuing distribution points');
  if (extensions.some(({ id, critical }) => critical && id !== oids.issuingDistributionPoint && id !== oids.authorityKeyIdentifier)) {
    throw piece('has a critical extension that is not known here');
  }
  return points[0] === undefined ? everything : readPoint(points[0].value);
};
