/**
 * The names in a certificate: subject alternative names as plain values, written and read (RFC 5280 section 4.2.1.6), with
 * Microsoft's user principal name, which node-forge does not know. What is read keeps the exact text; nothing is normalised here.
 *
 * @module
 */

import { isIP } from 'node:net';
import type { X509Certificate } from 'node:crypto';
import {
  content, decode, explicit, fields, implicit, implicitList, isContext, isUniversal, items, oid, readOid, sequence, utf8, type Der,
} from './der.ts';
import { oids } from './oids.ts';

export type AltNameKind = 'dns' | 'ip' | 'uri' | 'email' | 'upn';

export interface AltName {
  readonly kind: AltNameKind;
  readonly value: string;
}

const tag = Object.freeze({ otherName: 0, email: 1, dns: 2, uri: 6, ip: 7 });
const utf8Type = 12;
const booleanType = 1;

/** Address as network bytes: 4 or 16 of them. */
export const ipBytes = (address: string): Buffer => {
  if (isIP(address) === 4) return Buffer.from(address.split('.').map(Number));
  const [head = '', tail] = address.toLowerCase().split('::');
  const words = (part: string): number[] =>
    part === '' ? [] : part.split(':').flatMap((word) => {
      if (!word.includes('.')) return [Number.parseInt(word, 16)];
      const [a = 0, b = 0, c = 0, d = 0] = word.split('.').map(Number);
      return [a * 256 + b, c * 256 + d];
    });
  const before = words(head);
  const after = tail === undefined ? [] : words(tail);
  const all = [...before, ...new Array<number>(8 - before.length - after.length).fill(0), ...after];
  return Buffer.from(all.flatMap((word) => [word >> 8, word & 0xff]));
};

const ipText = (bytes: Buffer): string => {
  if (bytes.length === 4) return [...bytes].join('.');
  return (bytes.toString('hex').match(/.{4}/g) ?? []).map((word) => word.replace(/^0{1,3}/, '')).join(':');
};

/** One GeneralName. */
export const generalName = (name: AltName): Der => {
  switch (name.kind) {
    case 'dns': return implicit(tag.dns, Buffer.from(name.value, 'latin1'));
    case 'ip': return implicit(tag.ip, ipBytes(name.value));
    case 'uri': return implicit(tag.uri, Buffer.from(name.value, 'latin1'));
    case 'email': return implicit(tag.email, Buffer.from(name.value, 'latin1'));
    case 'upn': return implicitList(tag.otherName, [oid(oids.userPrincipalName), explicit(0, utf8(name.value))]);
  }
};

export const generalNames = (names: readonly AltName[]): Der => sequence(...names.map(generalName));

const readGeneralName = (node: Der): AltName | undefined => {
  if (isContext(node, tag.dns)) return { kind: 'dns', value: content(node).toString('latin1') };
  if (isContext(node, tag.uri)) return { kind: 'uri', value: content(node).toString('latin1') };
  if (isContext(node, tag.email)) return { kind: 'email', value: content(node).toString('latin1') };
  if (isContext(node, tag.ip)) return { kind: 'ip', value: ipText(content(node)) };
  if (!isContext(node, tag.otherName)) return undefined;
  const [type, wrapped] = items(node);
  if (readOid(type) !== oids.userPrincipalName) return undefined;
  const [text] = items(wrapped);
  if (!isContext(wrapped, 0) || !isUniversal(text, utf8Type)) throw new Error('DER: a user principal name must be a UTF8String');
  return { kind: 'upn', value: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(content(text)) };
};

/**
 * The alternative names of a certificate, in order; names of other kinds are left out. Attacker-controlled: parsed strictly.
 *
 * @throws Error when the certificate or its extension is malformed, or the extension appears twice
 */
export const altNames = (certificate: X509Certificate): AltName[] => {
  const tbs = fields(fields(decode(certificate.raw))[0]);
  const extensions = tbs.find((node) => isContext(node, 3));
  if (extensions === undefined) return [];
  const found = fields(items(extensions)[0]).filter((extension) => readOid(fields(extension)[0]) === oids.subjectAltName);
  if (found.length > 1) throw new Error('DER: two subject alternative name extensions');
  if (found[0] === undefined) return [];
  const parts = fields(found[0]);
  const value = isUniversal(parts[1], booleanType) ? parts[2] : parts[1];
  return fields(decode(content(value))).map(readGeneralName).filter((name) => name !== undefined);
};
