/**
 * How often one session may ask for a job. Each question is decided and written to the log before anything else, so somebody who
 * only asks and takes it back would fill the log and keep the keeper busy.
 *
 * @module
 */
import { WardError } from '../../protocol/errors.ts';
import { Rate, type RateLimits } from '../queue/rate.ts';

export class JobRate {
  readonly #limits: RateLimits;
  readonly #jobs: Rate;
  /** Questions that are refused: whoever goes on asking is shown the door. */
  readonly #refusals: Rate;

  constructor(limits: RateLimits, now?: () => number) {
    this.#limits = limits;
    this.#jobs = new Rate(limits, now);
    this.#refusals = new Rate(limits, now);
  }

  /** Why this job is not even decided; undefined when it is. `limit-exceeded`: the session is to end. */
  refusal(): WardError | undefined {
    if (this.#jobs.take()) return undefined;
    const { perSecond } = this.#limits;
    if (this.#refusals.take()) return new WardError('busy', `One session may begin ${perSecond} jobs a second here.`);
    return new WardError('limit-exceeded', `The session goes on asking for more than ${perSecond} jobs a second.`);
  }
}
