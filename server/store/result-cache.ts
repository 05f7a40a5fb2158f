/**
 * Results of successful jobs, by action digest, on this server's disk. A record is small and names its parts; the parts lie
 * in a content store of their own, by cache domain. Everything read back is checked, so a bad disk causes a miss and an alarm,
 * never a wrong object.
 *
 * @module
 */
import { hash } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { bytesOf, inOrder } from '../../protocol/action.ts';
import { WardError } from '../../protocol/errors.ts';
import { parseRecord, type Part, type ResultRecord } from './result-record.ts';
import type { Standing } from './result-trust.ts';
import type { PeerResults } from '../peers/peer-results.ts';
import type { HeldResult } from './sealed-value.ts';
import type { SharedResults } from './shared-results.ts';
import { Store } from './store.ts';

/** Results with more bytes than this are not kept: they would push out a hundred others. */
export const largestResult = 64 * 2 ** 20;

/** A kept result with all its bytes, checked. */
export interface KeptResult {
  readonly record: ResultRecord;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
  /** In the order of `record.outputs`. */
  readonly outputs: readonly Buffer[];
}

/** Takes room in memory for so many bytes; the function that is returned gives it back. Undefined: there is none. */
export type Room = (bytes: number) => (() => void) | undefined;

const boundless: Room = () => () => {};

export interface ResultCacheEvents {
  /** Something that was kept is not what it was: a disk fault, or somebody wrote there. */
  damaged(error: WardError): void;
  /** What is this record worth today? */
  standing(record: ResultRecord): Standing;
}

export class ResultCache {
  readonly #directory: string;
  readonly #parts: Store;
  readonly #events: ResultCacheEvents;
  readonly #shared: SharedResults | undefined;
  readonly #peers: PeerResults | undefined;
  #serial = 0;

  /**
   * @param shared results of all servers of the farm, behind those on this disk
   * @param peers the servers that have what is too large to be shared
   */
  constructor(directory: string, maxBytes: number, events: ResultCacheEvents, shared?: SharedResults, peers?: PeerResults) {
    this.#directory = directory;
    this.#events = events;
    this.#shared = shared;
    this.#peers = peers;
    this.#parts = new Store({ directory: join(directory, 'parts'), maxBytes, pinMs: 0 });
  }

  /** The kept result of an action; undefined is a miss, for whatever reason. */
  async find(domain: string, action: string, room: Room = boundless): Promise<KeptResult | undefined> {
    return (await this.findHere(domain, action, room)) ?? (await this.#findShared(domain, action, room));
  }

  /** Keeps a result here, and for the other servers. */
  async keep(domain: string, result: KeptResult): Promise<void> {
    await this.#keepHere(domain, result);
    this.#shared?.keep(domain, result.record.action, result);
  }

  async #findShared(domain: string, action: string, room: Room): Promise<KeptResult | undefined> {
    const found = await this.#shared?.find(domain, action);
    if (found === undefined) return undefined;
    const standing = this.#events.standing(found.record);
    if (standing === 'forged') this.#events.damaged(new WardError('blob-corrupt', `The shared result of ${action} is not signed by a key of today.`));
    if (standing !== 'good') return undefined;
    const bytes = bytesOf(found.record);
    if (bytes > largestResult) return undefined;
    const leave = room(bytes);
    if (leave === undefined) return undefined;
    const result = 'port' in found ? await this.#bring(domain, found) : found;
    if (result === undefined) {
      leave();
      return undefined;
    }
    // The next one who asks finds it here. That it could not be kept is no reason not to use it.
    await this.#keepHere(domain, result).catch(() => {});
    return result;
  }

  /** From the server that made it, but for what is here. */
  async #bring(domain: string, { record, port }: HeldResult): Promise<KeptResult | undefined> {
    const bodies = await this.#peers?.bring({ domain, record, port }, (part) => this.#part(domain, part));
    if (bodies === undefined) return undefined;
    const [stdout, stderr, ...outputs] = bodies as [Buffer, Buffer, ...Buffer[]];
    return { record, stdout, stderr, outputs };
  }

  /** A part that is here, whatever it came with. */
  async #part(domain: string, part: Part): Promise<Buffer | undefined> {
    if (part.size > 0 && !this.#parts.has(domain, part.digest)) return undefined;
    try {
      return await this.#read(domain, part);
    } catch (error) {
      if (error instanceof WardError) this.#events.damaged(error);
      this.#parts.forget(domain, part.digest);
      return undefined;
    }
  }

  async #keepHere(domain: string, result: KeptResult): Promise<void> {
    const { record } = result;
    const contents = inOrder(result);
    await Promise.all(inOrder(record).map(({ digest }, at) => this.#keepPart(domain, digest, contents[at] as Buffer)));
    await this.#keepRecord(record);
  }

  /** As `find`, but among what is on this server's disk alone. */
  async findHere(domain: string, action: string, room: Room): Promise<KeptResult | undefined> {
    let text: string;
    try {
      text = await readFile(this.#recordPath(action), 'utf8');
    } catch {
      return undefined;
    }
    let leave: ReturnType<Room>;
    try {
      const record = parseRecord(text, action);
      const standing = this.#events.standing(record);
      if (standing === 'forged') throw new WardError('blob-corrupt', `The kept result of ${action} is not signed by a key of today.`);
      if (standing === 'recalled') {
        await this.forget(action);
        return undefined;
      }
      const parts = inOrder<Part>(record);
      if (!parts.every(({ digest, size }) => size === 0 || this.#parts.has(domain, digest))) return undefined;
      leave = room(bytesOf(record));
      if (leave === undefined) return undefined;
      const [stdout, stderr, ...outputs] = await Promise.all(parts.map((part) => this.#read(domain, part)));
      return { record, stdout: stdout as Buffer, stderr: stderr as Buffer, outputs };
    } catch (error) {
      leave?.();
      if (error instanceof WardError) this.#events.damaged(error);
      await this.forget(action);
      return undefined;
    }
  }

  async #keepPart(domain: string, digest: string, content: Buffer): Promise<void> {
    if (content.length === 0 || this.#parts.has(domain, digest)) return;
    const receiver = this.#parts.receive(domain, digest, content.length);
    try {
      await receiver.write(content);
      await receiver.finish();
    } catch (error) {
      receiver.abort();
      throw error;
    }
  }

  /** Once all its parts are kept. */
  async #keepRecord(record: ResultRecord): Promise<void> {
    const path = this.#recordPath(record.action);
    const temporary = join(this.#directory, `new-${process.pid}-${++this.#serial}`);
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await writeFile(temporary, JSON.stringify(record), { mode: 0o600, flag: 'wx' });
    await rename(temporary, path);
  }

  async forget(action: string): Promise<void> {
    await rm(this.#recordPath(action), { force: true });
  }

  async #read(domain: string, { digest, size }: Part): Promise<Buffer> {
    if (size === 0) return Buffer.alloc(0);
    const content = await readFile(join(this.#parts.directoryOf(domain), Store.fileName(digest)));
    if (content.length !== size || hash('sha256', content, 'hex') !== digest) {
      throw new WardError('blob-corrupt', `A kept part of a result (${digest}) has other content than it had.`);
    }
    return content;
  }

  #recordPath(action: string): string {
    return join(this.#directory, 'records', action.slice(0, 2), action);
  }
}
