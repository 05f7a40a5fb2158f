/**
 * Revoked SSH keys and certificates: OpenSSH's binary list (PROTOCOL.krl), or a text file of public keys, as sshd's RevokedKeys takes
 * both. Decides exactly as sshd does.
 *
 * @module
 */
import { createHash } from 'node:crypto';
import { WardError } from '../../protocol/errors.ts';
import { parseSshKey, type SshCertificate, type SshKey } from './key.ts';
import { WireReader } from './wire.ts';

const magic = Buffer.from('SSHKRL\n\0', 'latin1');
const section = Object.freeze({ certificates: 1, keys: 2, sha1: 3, signature: 4, sha256: 5, extension: 255 });
const certificateSection = Object.freeze({ serials: 0x20, range: 0x21, bitmap: 0x22, keyIds: 0x23, extension: 0x39 });

/** What is revoked of the certificates of one authority. */
interface RevokedCertificates {
  readonly serials: Set<bigint>;
  readonly ranges: { readonly from: bigint; readonly to: bigint }[];
  readonly bitmaps: { readonly offset: bigint; readonly bits: Buffer }[];
  readonly keyIds: Set<string>;
}

const invalid = (sentence: string): WardError => new WardError('config-invalid', sentence);

const hashOf = (algorithm: 'sha1' | 'sha256', blob: Buffer): string => createHash(algorithm).update(blob).digest('hex');

/** Bits of a positive integer, most significant byte first. */
const hasBit = ({ offset, bits }: { offset: bigint; bits: Buffer }, serial: bigint): boolean => {
  const index = serial - offset;
  if (index < 0n || index >= BigInt(bits.length) * 8n) return false;
  const bit = Number(index);
  return (bits[bits.length - 1 - (bit >> 3)]! & (1 << (bit & 7))) !== 0;
};

/** Unknown things that must be understood are an error; others may be passed over. */
const readExtension = (reader: WireReader): void => {
  reader.string();
  if (reader.byte() !== 0) throw invalid('The list of revoked keys has a critical extension that is not known here.');
};

const readCertificates = (reader: WireReader, list: RevokedCertificates): void => {
  reader.string();
  while (!reader.isAtEnd) {
    const kind = reader.byte();
    const inner = reader.nested();
    switch (kind) {
      case certificateSection.serials:
        while (!inner.isAtEnd) list.serials.add(inner.uint64());
        break;
      case certificateSection.range:
        list.ranges.push({ from: inner.uint64(), to: inner.uint64() });
        inner.end();
        break;
      case certificateSection.bitmap:
        list.bitmaps.push({ offset: inner.uint64(), bits: inner.string() });
        inner.end();
        break;
      case certificateSection.keyIds:
        for (const id of inner.strings()) list.keyIds.add(id.toString('utf8'));
        break;
      case certificateSection.extension:
        readExtension(inner);
        break;
      default:
        throw invalid('The list of revoked keys has a part that is not known here.');
    }
  }
};

export class RevokedKeys {
  readonly #keys = new Set<string>();
  #generated: bigint | undefined;
  readonly #sha1 = new Set<string>();
  readonly #sha256 = new Set<string>();
  /** By blob of the authority in hex; '' stands for all authorities. */
  readonly #certificates = new Map<string, RevokedCertificates>();

  /** @throws WardError `config-invalid` */
  constructor(bytes: Buffer) {
    try {
      if (bytes.subarray(0, magic.length).equals(magic)) this.#readList(bytes);
      else this.#readText(bytes);
    } catch (cause) {
      if (cause instanceof WardError && cause.code === 'config-invalid') throw cause;
      throw invalid('The list of revoked keys is neither one that ssh-keygen -k makes nor a list of public keys.');
    }
  }

  /** When the list was made, in seconds since 1970; undefined for a text file, which does not say. */
  get generated(): bigint | undefined {
    return this.#generated;
  }

  /** Is this key, its certificate, or the authority of that revoked? */
  has({ blob, certificate }: SshKey): boolean {
    if (this.#hasKey(blob)) return true;
    if (certificate === undefined) return false;
    const lists = [this.#certificates.get(certificate.authority.toString('hex')), this.#certificates.get('')];
    return this.#hasKey(certificate.authority) || lists.some((list) => list !== undefined && this.#hasCertificate(list, certificate));
  }

  #hasKey(blob: Buffer): boolean {
    return this.#keys.has(blob.toString('hex')) || this.#sha1.has(hashOf('sha1', blob)) || this.#sha256.has(hashOf('sha256', blob));
  }

  #hasCertificate({ serials, ranges, bitmaps, keyIds }: RevokedCertificates, { serial, keyId }: SshCertificate): boolean {
    if (keyIds.has(keyId)) return true;
    // Zero is what an authority writes that numbers nothing.
    if (serial === 0n) return false;
    if (serials.has(serial) || ranges.some(({ from, to }) => from <= serial && serial <= to)) return true;
    return bitmaps.some((bitmap) => hasBit(bitmap, serial));
  }

  #readList(bytes: Buffer): void {
    const reader = new WireReader(bytes, 'The list of revoked keys');
    reader.uint64();
    if (reader.uint32() !== 1) throw invalid('The list of revoked keys has a format that is not known here.');
    // Its version, which may be zero in all of them, and its flags.
    reader.uint64();
    this.#generated = reader.uint64();
    reader.uint64();
    reader.string();
    reader.string();
    while (!reader.isAtEnd) this.#readSection(reader.byte(), reader.nested());
  }

  #readSection(kind: number, reader: WireReader): void {
    if (kind === section.certificates) {
      const authority = reader.string().toString('hex');
      const list = this.#certificates.get(authority) ?? { serials: new Set(), ranges: [], bitmaps: [], keyIds: new Set() };
      this.#certificates.set(authority, list);
      readCertificates(reader, list);
    } else if (kind === section.keys || kind === section.sha1 || kind === section.sha256) {
      const set = kind === section.keys ? this.#keys : kind === section.sha1 ? this.#sha1 : this.#sha256;
      for (const entry of reader.strings()) set.add(entry.toString('hex'));
    } else if (kind === section.extension) {
      readExtension(reader);
    } else {
      throw invalid('The list of revoked keys has a part that is not known here, such as a signature.');
    }
  }

  #readText(bytes: Buffer): void {
    const lines = new TextDecoder('utf-8', { fatal: true }).decode(bytes).split('\n');
    for (const line of lines.map((text) => text.trim())) {
      if (line !== '' && !line.startsWith('#')) this.#keys.add(parseSshKey(line).blob.toString('hex'));
    }
  }
}
