/**
 * The compilers that this server offers. One that is found damaged is withdrawn: its jobs end at once, whatever they wait for, no more
 * begin, and clients are told what is left.
 *
 * @module
 */
import { cleanText } from '../../protocol/alert.ts';
import { WardError } from '../../protocol/errors.ts';
import type { OfferedToolchain } from '../../protocol/messages.ts';
import type { StagedToolchain } from '../jobs/services.ts';
import type { WithdrawnToolchain } from '../toolchains/index-file.ts';

/** Ends a job. */
type End = (reason: WardError) => void;

export class OfferedToolchains {
  readonly #toolchains: Map<string, StagedToolchain>;
  /** Of the toolchains above only: a client may name any. */
  readonly #jobs: ReadonlyMap<string, Set<End>>;

  /** @param proved by digest */
  constructor(proved: ReadonlyMap<string, StagedToolchain>) {
    this.#toolchains = new Map(proved);
    this.#jobs = new Map([...proved.keys()].map((digest) => [digest, new Set()]));
  }

  /** As it stands in `welcome` and `notice`. */
  get list(): OfferedToolchain[] {
    return [...this.#toolchains.values()].filter(({ withdrawn }) => withdrawn === undefined).map(({ digest, canary, name }) => ({ digest, canary, name }));
  }

  /** Also one that was withdrawn: commands for it are judged as ever, and then refused. */
  find(digest: string): StagedToolchain | undefined {
    return this.#toolchains.get(digest);
  }

  /** Calls back when the toolchain is withdrawn; the returned function stops that. */
  whenWithdrawn(digest: string, end: End): () => void {
    const jobs = this.#jobs.get(digest);
    jobs?.add(end);
    return () => void jobs?.delete(end);
  }

  /** From now on nothing runs with it. */
  withdraw({ digest, message }: WithdrawnToolchain): void {
    const toolchain = this.#toolchains.get(digest);
    if (toolchain === undefined) return;
    const withdrawn = cleanText(message);
    this.#toolchains.set(digest, { ...toolchain, withdrawn });
    for (const end of [...(this.#jobs.get(digest) ?? [])]) end(new WardError('toolchain-unknown', withdrawn));
  }
}
