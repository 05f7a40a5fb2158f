/**
 * Keeping a result for whoever asks for the same action next. Successes only: a failure may be the fault of the moment. What
 * is kept is signed by the keeper, for a job that is in its log and not over.
 *
 * @module
 */
import { hash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { toWardError, type WardError } from '../../protocol/errors.ts';
import { largestResult, type ResultCache } from '../store/result-cache.ts';
import { resultDigest, type Part } from '../store/result-record.ts';
import type { Outcome, StoredFile } from './services.ts';

export interface Signer {
  /** @throws WardError when the keeper does not sign */
  sign(job: number, action: string, result: string): Promise<{ key: string; signature: string }>;
}

export interface KeepOptions {
  readonly cache: ResultCache;
  readonly signer: Signer;
  readonly server: string;
  /** Nothing waits for a result to be kept, so a failure is said here. */
  readonly trouble: (error: WardError) => void;
}

export class ResultKeeping {
  readonly #options: KeepOptions;
  /** Actions that are being kept at the moment: equal jobs share a result, one of them keeps it. */
  readonly #keeping = new Set<string>();

  constructor(options: KeepOptions) {
    this.#options = options;
  }

  /** Never rejects: a result that could not be kept is compiled again. */
  async keep(domain: string, action: string, job: number, outcome: Outcome): Promise<void> {
    const files = [outcome.stdout, outcome.stderr, ...outcome.outputs];
    const bytes = files.reduce((sum, { size }) => sum + size, 0);
    if (outcome.status.code !== 0 || outcome.status.signal !== 0 || bytes > largestResult || this.#keeping.has(action)) return;
    this.#keeping.add(action);
    try {
      const [stdout, stderr, ...outputs] = (await Promise.all(files.map(read))) as [Buffer, Buffer, ...Buffer[]];
      const parts = {
        stdout: partOf(stdout),
        stderr: partOf(stderr),
        outputs: outcome.outputs.map(({ index, mode }, at) => ({ index, mode, ...partOf(outputs[at] as Buffer) })),
      };
      const signed = await this.#options.signer.sign(job, action, resultDigest(parts));
      await this.#options.cache.keep(domain, { record: { action, server: this.#options.server, job, ...parts, ...signed }, stdout, stderr, outputs });
    } catch (thrown) {
      this.#options.trouble(toWardError(thrown));
    } finally {
      this.#keeping.delete(action);
    }
  }
}

const read = ({ path, size }: StoredFile): Promise<Buffer> => (size === 0 ? Promise.resolve(Buffer.alloc(0)) : readFile(path));

const partOf = (content: Buffer): Part => ({ digest: hash('sha256', content, 'hex'), size: content.length });
