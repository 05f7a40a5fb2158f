/**
 * What becomes of a success: the keeper signs it, for a job that is in its log and not over, and it is kept for whoever asks for the same
 * action next. A failure may be the fault of the moment: it is neither signed nor kept.
 *
 * @module
 */
import { hash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { bytesOf, inOrder, type Part, type ResultParts } from '../../protocol/action.ts';
import { toWardError, WardError } from '../../protocol/errors.ts';
import type { ResultSignature } from '../../protocol/messages.ts';
import { largestResult, type ResultCache } from '../store/result-cache.ts';
import type { ResultRecord } from '../store/result-record.ts';
import type { SignRequest } from '../keeper/sign-outcome.ts';
import { precompiledName } from './precompiled.ts';
import { resultFlags } from './send-result.ts';
import type { Outcome, StoredFile } from './services.ts';

export interface Signer {
  /** @throws WardError when the keeper does not sign */
  sign(request: SignRequest): Promise<ResultSignature>;
}

export interface KeepOptions {
  readonly cache: ResultCache;
  readonly signer: Signer;
  readonly server: string;
  /** Nothing waits for a result to be kept, so a failure is said here. */
  readonly trouble: (error: WardError) => void;
}

/** What a result is the result of. */
export interface Action {
  readonly digest: string;
  readonly toolchain: string;
  /** Number of the decision in the log. */
  readonly job: number;
  /** Of the outputs that the job may have. */
  readonly names: readonly string[];
}

/** A success with the keeper's word for it. */
export interface SignedResult {
  readonly record: ResultRecord;
  readonly signature: ResultSignature;
}

export class ResultKeeping {
  readonly #options: KeepOptions;
  /** Actions that are being kept at the moment: equal jobs share a result, one of them keeps it. */
  readonly #keeping = new Set<string>();

  constructor(options: KeepOptions) {
    this.#options = options;
  }

  /** Never rejects: undefined for a failure, and when the keeper does not sign. */
  async sign({ digest: action, toolchain, job, names }: Action, outcome: Outcome): Promise<SignedResult | undefined> {
    if (outcome.status.code !== 0 || outcome.status.signal !== 0) return undefined;
    try {
      const [stdout, stderr] = await Promise.all([partOfFile(outcome.stdout), partOfFile(outcome.stderr)]);
      const parts: ResultParts = { stdout, stderr, outputs: outcome.outputs.map(({ index, mode, digest, size }) => ({ index, mode, digest, size })) };
      const signature = await this.#options.signer.sign({ job, action, names, ...parts });
      return { record: { action, toolchain, server: this.#options.server, names, ...parts, ...signature }, signature };
    } catch (thrown) {
      this.#options.trouble(toWardError(thrown));
      return undefined;
    }
  }

  /**
   * Keeps the proof that a compile of this job made a precompiled header. Never rejects: one without proof is not taken as an input.
   *
   * @param job the decision, which is in the log and not over
   */
  async certify(domain: string, { toolchain, job }: Pick<Action, 'toolchain' | 'job'>, digest: string): Promise<void> {
    const action = precompiledName(domain, toolchain, digest);
    const nothing = Buffer.alloc(0);
    const parts: ResultParts = { stdout: partOf(nothing), stderr: partOf(nothing), outputs: [] };
    try {
      if (await this.#options.cache.find(domain, action)) return;
      const signature = await this.#options.signer.sign({ job, action, names: [], ...parts });
      const record = { action, toolchain, server: this.#options.server, names: [], ...parts, ...signature };
      await this.#options.cache.keep(domain, { record, stdout: nothing, stderr: nothing, outputs: [] });
    } catch (thrown) {
      this.#options.trouble(toWardError(thrown));
    }
  }

  /** Never rejects: a result that could not be kept is compiled again. */
  async keep(domain: string, { record }: SignedResult, outcome: Outcome): Promise<void> {
    const { action } = record;
    if (bytesOf(outcome) > largestResult || this.#keeping.has(action)) return;
    this.#keeping.add(action);
    try {
      const [stdout, stderr, ...outputs] = (await Promise.all(inOrder<StoredFile>(outcome).map(read))) as [Buffer, Buffer, ...Buffer[]];
      for (const [index, { digest }] of record.outputs.entries()) {
        if (partOf(outputs[index] as Buffer).digest !== digest) throw new WardError('blob-corrupt', `An output of ${action} changed before it was kept.`);
      }
      await this.#options.cache.keep(domain, { record, stdout, stderr, outputs });
    } catch (thrown) {
      this.#options.trouble(toWardError(thrown));
    } finally {
      this.#keeping.delete(action);
    }
  }
}

const read = ({ path, size }: StoredFile): Promise<Buffer> => (size === 0 ? Promise.resolve(Buffer.alloc(0)) : readFile(path, { flag: resultFlags }));

const partOf = (content: Buffer): Part => ({ digest: hash('sha256', content, 'hex'), size: content.length });

const partOfFile = async (file: StoredFile): Promise<Part> => partOf(await read(file));
