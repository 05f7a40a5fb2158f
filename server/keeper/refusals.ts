/**
 * Refusals before authentication, counted for each address in a small file of their own: a flood of strangers can't fill the log.
 *
 * What always holds: at most `maxAddresses` are told apart (an IPv6 network of /64 is one address), the rest is one sum; the file is
 * written at most once in five seconds, whole or not at all.
 *
 * @module
 */
import { renameSync, writeFileSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { isErrorCode } from '../../protocol/errors.ts';

const maxAddresses = 4096;
const writeDelayMs = 5000;

interface Count {
  total: number;
  readonly codes: Record<string, number>;
  last: string;
}

/** IPv6 hosts choose their last 64 bits freely, so they are counted by network. An IPv4 address in IPv6 form is itself. */
export const countedAddress = (address: string): string => {
  const mapped = /^::ffff:([0-9.]+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  const plain = address.split('%')[0]!;
  if (!isIPv6(plain)) return address.slice(0, 64);
  const [head = '', tail] = plain.split('::');
  const groups = head === '' ? [] : head.split(':');
  if (tail !== undefined)
    groups.push(
      ...Array<string>(Math.max(0, 8 - groups.length - (tail === '' ? 0 : tail.split(':').length))).fill('0'),
      ...(tail === '' ? [] : tail.split(':')),
    );
  return `${groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`;
};

export class Refusals {
  readonly #file: string;
  readonly #counts = new Map<string, Count>();
  readonly #others: Count = { total: 0, codes: {}, last: '' };
  readonly #since = new Date().toISOString();
  #timer: NodeJS.Timeout | undefined;

  constructor(file: string) {
    this.#file = file;
  }

  /** Attacker-controlled: anybody who can connect gets here. */
  count(address: string, code: string): void {
    const key = countedAddress(address);
    let count = this.#counts.get(key);
    if (count === undefined) {
      count = this.#counts.size < maxAddresses ? { total: 0, codes: {}, last: '' } : this.#others;
      if (count !== this.#others) this.#counts.set(key, count);
    }
    const known = isErrorCode(code) ? code : 'other';
    count.total += 1;
    count.codes[known] = (count.codes[known] ?? 0) + 1;
    count.last = new Date().toISOString();
    this.#timer ??= setTimeout(() => this.write(), writeDelayMs).unref();
  }

  /** Writes the file now. A disk that is full is no reason to stop anything. */
  write(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const counted = [...this.#counts].sort(([, a], [, b]) => b.total - a.total);
    try {
      const temporary = `${this.#file}.new`;
      writeFileSync(
        temporary,
        `${JSON.stringify({ since: this.#since, addresses: Object.fromEntries(counted), others: this.#others })}\n`,
        { mode: 0o640 },
      );
      renameSync(temporary, this.#file);
    } catch {
      // Counts are a courtesy to the administrator; the log itself speaks for itself.
    }
  }
}
