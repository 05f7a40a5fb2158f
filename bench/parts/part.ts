/**
 * What every part of the bench is given.
 *
 * @module
 */
import type { Contenders } from '../contenders/index.ts';
import type { Results } from '../results.ts';

export interface Context {
  /** A directory of the run's own, gone after it. */
  readonly place: string;
  readonly contenders: Contenders;
  readonly results: Results;
  /** Turns of each contender. */
  readonly rounds: number;
  /** `make -j`. */
  readonly jobs: number;
  /** Progress, for who watches. */
  readonly say: (text: string) => void;
}
