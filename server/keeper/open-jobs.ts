/**
 * Jobs that are in the log as allowed and not over yet, by the number of their decision.
 *
 * @module
 */
import type { LogEvent } from '../../policy/log/events.ts';
import { WardError } from '../../protocol/errors.ts';
import type { Claim } from '../../protocol/statement.ts';
import { cacheDomain } from '../jobs/action.ts';

/** More than any server can have at once; beyond it the oldest is forgotten, and can neither end nor be signed for. */
const maxOpenJobs = 65_536;

/** What the log says of a job, and a signature under its result repeats. */
export type OpenJob = Pick<Claim, 'principal' | 'domain' | 'policy' | 'toolchain'>;

export class OpenJobs {
  readonly #jobs = new Map<number, OpenJob>();

  /** @param event `job.allowed`, which has all of it */
  open(seq: number, { principal = '', committer = '', cache = 'none', domain = '', policy, request }: LogEvent): void {
    const job = {
      principal, domain: cacheDomain({ cache, domain }, committer) ?? domain, policy: policy?.digest ?? '', toolchain: request?.toolchain ?? '',
    };
    this.#jobs.set(seq, job);
    if (this.#jobs.size > maxOpenJobs) this.#jobs.delete(this.#jobs.keys().next().value!);
  }

  find(seq: number): OpenJob | undefined {
    return this.#jobs.get(seq);
  }

  /** Throws `protocol-violation` for a job that is not open. */
  close(seq: number): void {
    if (!this.#jobs.delete(seq)) throw new WardError('protocol-violation', `Record ${seq} is no job that could end.`);
  }
}
