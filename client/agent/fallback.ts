/**
 * May a job that the farm could not do be compiled here?
 *
 * `infra` (default): yes, unless a policy refused it. `never`: no. `always`: yes, even what was refused, but never silently. What is local
 * by nature is no fallback and never asks.
 *
 * @module
 */
import { errorTable, type WardError } from '../../protocol/errors.ts';
import type { FallbackSetting } from './farm-view.ts';
import { printable } from './printable.ts';
import type { JobOutcome, LauncherRequest } from './types.ts';

/** The setting for one job: the environment's, unless the system locks it. */
export const fallbackFor = (request: Pick<LauncherRequest, 'env'>, setting: FallbackSetting): FallbackSetting['fallback'] => {
  const asked = request.env['WARDCC_FALLBACK'];
  return !setting.locked && (asked === 'never' || asked === 'infra' || asked === 'always') ? asked : setting.fallback;
};

/** Is this a refusal of the person or the job, which must not be evaded silently? */
export const isDenial = (error: WardError): boolean => error.class === 'authorization';

/** What becomes of a job after `error`. `ms`: since its request. */
export const outcomeOfError = (error: WardError, fallback: FallbackSetting['fallback'], ms: number): JobOutcome => {
  const denied = isDenial(error);
  const message = error.message;
  const notice = `compiled here although it was refused: ${printable(message)} [${error.code}]`;
  if (denied && fallback === 'always') return { how: 'local', reason: error.code, message, notice, ms };
  if (!denied && fallback !== 'never') return { how: 'local', reason: error.code, message, ms };
  return { how: denied ? 'denied' : 'failed', reason: error.code, message: refusal(error), exit: error.exit, ms };
};

/** What happened and what to do next, as lines for stderr. */
export const refusal = (error: WardError): string => {
  const at = error.at === undefined ? '' : ` (${printable(error.at)})`;
  return `wardcc: ${printable(error.message)}${at} [${error.code}]\nwardcc: ${errorTable[error.code].next}\n`;
};
