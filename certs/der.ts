/**
 * DER, written and read through node-forge's ASN.1 layer. Writing: one small function a type, so that a structure reads like
 * its definition in the RFC. Reading is strict: indefinite lengths, trailing bytes and wrong tags are errors, and bit strings
 * are never searched for nested structures.
 *
 * @module
 */

import forge from 'node-forge';

const { asn1 } = forge;

export type Der = forge.asn1.Asn1;

const universal = asn1.Class.UNIVERSAL;
const context = asn1.Class.CONTEXT_SPECIFIC;

const constructed = (type: number, items: Der[]): Der => asn1.create(universal, type, true, items);
const primitive = (type: number, bytes: Buffer): Der => asn1.create(universal, type, false, bytes.toString('latin1'));

export const sequence = (...items: Der[]): Der => constructed(asn1.Type.SEQUENCE, items);
export const set = (...items: Der[]): Der => constructed(asn1.Type.SET, items);
export const oid = (dotted: string): Der => asn1.create(universal, asn1.Type.OID, false, asn1.oidToDer(dotted).getBytes());
export const octets = (bytes: Buffer): Der => primitive(asn1.Type.OCTETSTRING, bytes);
export const utf8 = (text: string): Der => primitive(asn1.Type.UTF8, Buffer.from(text, 'utf8'));
export const boolean = (value: boolean): Der => primitive(asn1.Type.BOOLEAN, Buffer.from([value ? 0xff : 0]));
export const enumerated = (value: number): Der => primitive(asn1.Type.ENUMERATED, Buffer.from([value]));

/** A bit string of whole bytes, or with `unused` bits at the end. */
export const bits = (bytes: Buffer, unused = 0): Der =>
  primitive(asn1.Type.BITSTRING, Buffer.concat([Buffer.from([unused]), bytes]));

/** A non-negative integer given as big-endian bytes of any length. */
export const unsigned = (bytes: Buffer): Der => {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start += 1;
  const trimmed = bytes.length === 0 ? Buffer.alloc(1) : bytes.subarray(start);
  const sign = (trimmed[0] ?? 0) >= 0x80 ? Buffer.alloc(1) : Buffer.alloc(0);
  return primitive(asn1.Type.INTEGER, Buffer.concat([sign, trimmed]));
};

export const integer = (value: number): Der => {
  const hex = value.toString(16);
  return unsigned(Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex'));
};

/** UTCTime to the end of 2049, GeneralizedTime after it (RFC 5280 section 4.1.2.5). */
export const time = (when: Date): Der =>
  when.getUTCFullYear() < 2050
    ? asn1.create(universal, asn1.Type.UTCTIME, false, asn1.dateToUtcTime(when))
    : asn1.create(universal, asn1.Type.GENERALIZEDTIME, false, asn1.dateToGeneralizedTime(when));

/** [n] EXPLICIT. */
export const explicit = (tag: number, item: Der): Der => asn1.create(context, tag, true, [item]);

/** [n] IMPLICIT over a primitive type. */
export const implicit = (tag: number, bytes: Buffer): Der => asn1.create(context, tag, false, bytes.toString('latin1'));

/** [n] IMPLICIT over a constructed type. */
export const implicitList = (tag: number, items: Der[]): Der => asn1.create(context, tag, true, items);

export const encode = (item: Der): Buffer => Buffer.from(asn1.toDer(item).getBytes(), 'latin1');

/**
 * Reads one DER value. Attacker-controlled: every caller passes bytes that somebody else made.
 *
 * @throws Error when the bytes are not exactly one value
 */
export const decode = (bytes: Buffer): Der => {
  // The declarations know only a boolean here; the code takes these options since node-forge 1.0.
  const options: unknown = { strict: true, parseAllBytes: true, decodeBitStrings: false };
  return asn1.fromDer(bytes.toString('latin1'), options as boolean);
};

/** Where the value that begins at `at` has its content and its end. */
const span = (bytes: Buffer, at: number): { readonly content: number; readonly end: number } => {
  const tag = bytes[at] ?? 0x1f;
  const first = bytes[at + 1] ?? 0x80;
  const size = first < 0x80 ? 0 : first & 0x7f;
  const content = at + 2 + size;
  if ((tag & 0x1f) === 0x1f || first === 0x80 || size > 4 || content > bytes.length) throw new Error('DER: a tag and a length were expected');
  const end = content + (size === 0 ? first : bytes.readUIntBE(at + 2, size));
  if (end > bytes.length) throw new Error('DER: a value is cut off');
  return { content, end };
};

/**
 * The items of a SEQUENCE as the bytes that they are. None is looked into: a signature can be checked before what it is for, and a list of
 * many thousands takes no tree of its own. Attacker-controlled.
 *
 * @throws Error when the bytes are not exactly one SEQUENCE, or not of so many items
 */
export const slices = (bytes: Buffer, count?: number): Buffer[] => {
  const whole = span(bytes, 0);
  if (bytes[0] !== 0x30 || whole.end !== bytes.length) throw new Error('DER: a sequence was expected');
  const parts: Buffer[] = [];
  let at = whole.content;
  while (at < whole.end && parts.length !== count) {
    const { end } = span(bytes, at);
    parts.push(bytes.subarray(at, end));
    at = end;
  }
  if (count !== undefined && (at !== whole.end || parts.length !== count)) throw new Error(`DER: a sequence of ${count} items was expected`);
  return parts;
};

/** Is this slice of the universal type? */
export const isSlice = (slice: Buffer | undefined, type: number): slice is Buffer => slice !== undefined && (slice[0]! & 0xdf) === type;

/**
 * The INTEGER with which each item of a SEQUENCE of SEQUENCEs begins, in hex. Attacker-controlled.
 *
 * @throws Error when an item is something else
 */
export const leadingIntegers = (bytes: Buffer): string[] => {
  const numbers: string[] = [];
  for (let { content: at } = span(bytes, 0); at < bytes.length;) {
    const item = span(bytes, at);
    const number = span(bytes, item.content);
    if (bytes[at] !== 0x30 || bytes[item.content] !== 0x02 || number.end > item.end) throw new Error('DER: a sequence that begins with an integer was expected');
    numbers.push(bytes.toString('hex', number.content, number.end));
    at = item.end;
  }
  return numbers;
};

/** The items of a constructed value. */
export const items = (node: Der | undefined): Der[] => {
  if (node === undefined || !Array.isArray(node.value)) throw new Error('DER: a constructed value was expected');
  return node.value;
};

/** The fields of a SEQUENCE. */
export const fields = (node: Der | undefined): Der[] => {
  if (!isUniversal(node, asn1.Type.SEQUENCE)) throw new Error('DER: a sequence was expected');
  return items(node);
};

/** The bytes of a primitive value. */
export const content = (node: Der | undefined): Buffer => {
  if (node === undefined || typeof node.value !== 'string') throw new Error('DER: a primitive value was expected');
  return Buffer.from(node.value, 'latin1');
};

export const isUniversal = (node: Der | undefined, type: number): boolean =>
  node !== undefined && node.tagClass === universal && node.type === type;

export const isContext = (node: Der | undefined, tag: number): boolean =>
  node !== undefined && node.tagClass === context && (node.type as number) === tag;

export const readOid = (node: Der | undefined): string => {
  if (!isUniversal(node, asn1.Type.OID)) throw new Error('DER: an object identifier was expected');
  return asn1.derToOid(content(node).toString('latin1'));
};

/** The bytes of a bit string that consists of whole bytes, as signatures and keys do. */
export const readBits = (node: Der | undefined): Buffer => {
  const bytes = content(node);
  if (!isUniversal(node, asn1.Type.BITSTRING) || bytes[0] !== 0) throw new Error('DER: a bit string of whole bytes was expected');
  return bytes.subarray(1);
};

/** Wraps DER as PEM with a label. */
export const toPem = (label: string, der: Buffer): string =>
  `-----BEGIN ${label}-----\n${(der.toString('base64').match(/.{1,64}/g) ?? []).join('\n')}\n-----END ${label}-----\n`;

/** The DER of every block with one of these labels, in order. */
export const fromPem = (text: string, ...labels: string[]): Buffer[] => {
  const blocks: Buffer[] = [];
  for (const match of text.matchAll(/-----BEGIN ([A-Z0-9 ]+)-----\r?\n([A-Za-z0-9+/=\s]*?)-----END \1-----/g)) {
    if (labels.includes(match[1] ?? '')) blocks.push(Buffer.from(match[2] ?? '', 'base64'));
  }
  return blocks;
};
