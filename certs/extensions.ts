/**
 * The X.509 extensions that the CA writes, one function each (RFC 5280 section 4.2).
 *
 * @module
 */

import { createHash } from 'node:crypto';
import { generalNames, ipBytes, type AltName } from './altnames.ts';
import type { NameConstraints } from './constraints.ts';
import {
  bits, boolean, decode, encode, fields, implicit, implicitList, integer, octets, oid, readBits, sequence, type Der,
} from './der.ts';
import { oids } from './oids.ts';

const extension = (id: string, critical: boolean, value: Der): Der =>
  critical ? sequence(oid(id), boolean(true), octets(encode(value))) : sequence(oid(id), octets(encode(value)));

/** For a CA: it may issue end-entity certificates and no further CA (path length 0). */
export const basicConstraintsCa = (): Der =>
  extension(oids.basicConstraints, true, sequence(boolean(true), integer(0)));

export const basicConstraintsLeaf = (): Der => extension(oids.basicConstraints, true, sequence());

/** keyCertSign and cRLSign. */
export const keyUsageCa = (): Der => extension(oids.keyUsage, true, bits(Buffer.from([0b00000110]), 1));

/** digitalSignature. */
export const keyUsageLeaf = (): Der => extension(oids.keyUsage, true, bits(Buffer.from([0b10000000]), 7));

export const extKeyUsage = (...purposes: string[]): Der => extension(oids.extKeyUsage, false, sequence(...purposes.map(oid)));

export const subjectAltName = (names: readonly AltName[]): Der => extension(oids.subjectAltName, false, generalNames(names));

/** Key identifier: the leftmost 160 bits of the SHA-256 of the public key's bits (RFC 7093 section 2). */
export const keyIdentifier = (spki: Buffer): Buffer => {
  const key = readBits(fields(decode(spki))[1]);
  return createHash('sha256').update(key).digest().subarray(0, 20);
};

export const subjectKeyIdentifier = (spki: Buffer): Der => extension(oids.subjectKeyIdentifier, false, octets(keyIdentifier(spki)));

export const authorityKeyIdentifier = (issuerSpki: Buffer): Der =>
  extension(oids.authorityKeyIdentifier, false, sequence(implicit(0, keyIdentifier(issuerSpki))));

const subnet = (cidr: string): Buffer => {
  const [address = '', length = ''] = cidr.split('/');
  const bytes = ipBytes(address);
  const mask = Buffer.alloc(bytes.length);
  for (let bit = 0; bit < Number(length); bit += 1) mask[bit >> 3] = (mask[bit >> 3] ?? 0) | (0x80 >> (bit & 7));
  return Buffer.concat([bytes.map((byte, index) => byte & (mask[index] ?? 0)), mask]);
};

export const nameConstraints = (permitted: NameConstraints): Der => {
  const trees: Der[] = [];
  for (const name of permitted.email ?? []) trees.push(sequence(implicit(1, Buffer.from(name, 'latin1'))));
  for (const name of permitted.dns ?? []) trees.push(sequence(implicit(2, Buffer.from(name, 'latin1'))));
  for (const name of permitted.uri ?? []) trees.push(sequence(implicit(6, Buffer.from(name, 'latin1'))));
  for (const name of permitted.ip ?? []) trees.push(sequence(implicit(7, subnet(name))));
  return extension(oids.nameConstraints, true, sequence(implicitList(0, trees)));
};
