/**
 * What happened to a compiler instead of its own answer, with what the job had used by then: the log and the person who sent it are told both.
 *
 * @module
 */
import { WardError, type ErrorCode } from '../../protocol/errors.ts';
import type { Usage } from './services.ts';

export class JobFailure extends WardError {
  readonly usage: Usage;

  constructor(code: ErrorCode, sentence: string | undefined, usage: Usage) {
    super(code, sentence === undefined ? undefined : `${sentence} ${used(usage)}`);
    this.usage = usage;
  }
}

const used = ({ wallMs, userMs, systemMs, maxRssKb }: Usage): string =>
  `(used: ${((userMs + systemMs) / 1000).toFixed(1)} s of CPU time in ${(wallMs / 1000).toFixed(1)} s, ${Math.ceil(maxRssKb / 1024)} MiB)`;
