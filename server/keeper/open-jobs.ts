/**
 * Jobs that are in the log as allowed and not over yet, by the number of their decision.
 *
 * @module
 */
import { WardError } from '../../protocol/errors.ts';

/** More than any server can have at once; beyond it the oldest is forgotten, and can neither end nor be signed for. */
const maxOpenJobs = 65_536;

export class OpenJobs {
  readonly #jobs = new Set<number>();

  open(seq: number): void {
    this.#jobs.add(seq);
    if (this.#jobs.size > maxOpenJobs) this.#jobs.delete(this.#jobs.values().next().value!);
  }

  has(seq: number): boolean {
    return this.#jobs.has(seq);
  }

  /** Throws `protocol-violation` for a job that is not open. */
  close(seq: number): void {
    if (!this.#jobs.delete(seq)) throw new WardError('protocol-violation', `Record ${seq} is no job that could end.`);
  }
}
