/**
 * A result as it lies in a cache that servers share: record and parts as one value, sealed with the farm's key. Whoever runs
 * that cache learns sizes and times, not sources, and cannot change a bit or put one result in another's place.
 *
 * Layout: version, nonce 12 bytes, ciphertext, tag 16 bytes (AES-256-GCM, the name is authenticated too). Inside: the record as one line of
 * JSON; with version 1 then the bytes of stdout, stderr and outputs, with version 2 the port of the server that has them, which is the one
 * whose keeper has signed the record.
 *
 * @module
 */
import { createCipheriv, createDecipheriv, createHmac, hash, hkdfSync, randomBytes } from 'node:crypto';
import { inOrder } from '../../protocol/action.ts';
import { WardError } from '../../protocol/errors.ts';
import type { KeptResult } from './result-cache.ts';
import { parseRecord, type Part, type ResultRecord } from './result-record.ts';

const whole = 1;
const elsewhere = 2;
const nonceBytes = 12;
const tagBytes = 16;
const newline = 0x0a;

/** A result whose bytes lie with the server that made it. */
export interface HeldResult {
  readonly record: ResultRecord;
  /** Where that server is reached, under its name. */
  readonly port: number;
}

const derive = (farmKey: Buffer, label: string): Buffer => Buffer.from(hkdfSync('sha256', farmKey, Buffer.alloc(0), label, 32));

export class Sealing {
  readonly #encryption: Buffer;
  readonly #naming: Buffer;

  /** @param farmKey 32 random bytes that all servers of the farm share */
  constructor(farmKey: Buffer) {
    if (farmKey.length !== 32) throw new WardError('config-invalid', 'The farm key must be 32 bytes.');
    this.#encryption = derive(farmKey, 'wardcc shared result');
    this.#naming = derive(farmKey, 'wardcc shared result name');
  }

  /** Under which name a result lies there: tells nothing about what it is. */
  name(domain: string, action: string): string {
    return `wardcc:${createHmac('sha256', this.#naming).update(JSON.stringify([domain, action])).digest('hex')}`;
  }

  /** A result with all its bytes. */
  seal(name: string, result: KeptResult): Buffer {
    return this.#seal(whole, name, [lineOf(result.record), ...inOrder(result)]);
  }

  /** A result that stays with the server that made it. */
  sealHeld(name: string, { record, port }: HeldResult): Buffer {
    return this.#seal(elsewhere, name, [lineOf(record), Buffer.from(String(port))]);
  }

  /** Attacker-controlled. @throws WardError `blob-corrupt` when anything of it is not as it was sealed */
  open(name: string, action: string, value: Buffer): KeptResult | HeldResult {
    const damaged = (cause?: unknown): WardError => new WardError('blob-corrupt', `The shared result of ${action} is damaged or forged.`, { cause });
    const version = value[0];
    if (value.length < 1 + nonceBytes + tagBytes || (version !== whole && version !== elsewhere)) throw damaged();
    const cipher = createDecipheriv('aes-256-gcm', this.#encryption, value.subarray(1, 1 + nonceBytes), { authTagLength: tagBytes });
    cipher.setAAD(authenticated(version, name));
    cipher.setAuthTag(value.subarray(-tagBytes));
    let plain: Buffer;
    try {
      plain = Buffer.concat([cipher.update(value.subarray(1 + nonceBytes, -tagBytes)), cipher.final()]);
    } catch (cause) {
      throw damaged(cause);
    }
    const lineEnd = plain.indexOf(newline);
    const record = parseRecord(plain.toString('utf8', 0, lineEnd), action);
    let at = lineEnd + 1;
    if (version === elsewhere) {
      const port = Number(plain.toString('latin1', at));
      if (!Number.isInteger(port) || port < 1 || port > 65535) throw damaged();
      return { record, port };
    }
    const take = ({ digest, size }: Part): Buffer => {
      const content = plain.subarray(at, (at += size));
      if (content.length !== size || (size > 0 && hash('sha256', content, 'hex') !== digest)) throw damaged();
      return content;
    };
    return { record, stdout: take(record.stdout), stderr: take(record.stderr), outputs: record.outputs.map(take) };
  }

  #seal(version: number, name: string, pieces: readonly Buffer[]): Buffer {
    const nonce = randomBytes(nonceBytes);
    const cipher = createCipheriv('aes-256-gcm', this.#encryption, nonce, { authTagLength: tagBytes });
    cipher.setAAD(authenticated(version, name));
    return Buffer.concat([Buffer.of(version), nonce, ...pieces.map((piece) => cipher.update(piece)), cipher.final(), cipher.getAuthTag()]);
  }
}

const lineOf = (record: ResultRecord): Buffer => Buffer.from(`${JSON.stringify(record)}\n`);

/** What is said in the clear and must be as it was; nothing that was sealed as one kind is opened as the other. */
const authenticated = (version: number, name: string): Buffer => Buffer.from(version === whole ? name : `${name} elsewhere`);
