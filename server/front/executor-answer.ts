/**
 * What an executor answers, checked. Attacker-controlled: a compiler that broke out of its sandbox speaks as its executor. So nothing
 * is taken for a result but files of this very job in the slot's own place, and no link there is ever followed.
 *
 * @module
 */
import { isErrorCode, WardError, type ErrorCode } from '../../protocol/errors.ts';
import type { JobOutput, Outcome, StoredFile } from '../jobs/services.ts';

export interface Answer extends Omit<Outcome, 'discard'> {
  /** Present when the end was not the compiler's own answer. */
  readonly verdict?: { readonly code: ErrorCode; readonly sentence: string | undefined };
}

const isCount = (value: unknown, maximum: number): value is number => Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= maximum;
const isAmount = (value: unknown): value is number => typeof value === 'number' && value >= 0 && value <= 1e9;
const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

const invalid = (): never => {
  throw new WardError('sandbox-failed', 'The executor of this job gave an answer that no executor gives.');
};

const sized = (path: string, size: unknown): StoredFile => (isCount(size, Number.MAX_SAFE_INTEGER) ? { path, size } : invalid());

const printed = (value: unknown, path: string): StoredFile => (isRecord(value) && value['path'] === path ? sized(path, value['size']) : invalid());

const output = (value: unknown, prefix: string, asked: number): JobOutput => {
  if (!isRecord(value)) return invalid();
  const { index, path, size, digest, mode } = value;
  if (!isCount(index, asked - 1) || path !== `${prefix}-${index}` || !isCount(mode, 0o777)) return invalid();
  if (typeof digest !== 'string' || !/^[0-9a-f]{64}$/.test(digest)) return invalid();
  return { index, digest, mode, ...sized(path, size) };
};

/**
 * @param prefix how the names of this job's results begin
 * @param asked outputs that the job asked for
 * @throws WardError `sandbox-failed`
 */
export function readAnswer(answer: unknown, prefix: string, asked: number): Answer {
  if (!isRecord(answer)) return invalid();
  const { status, usage, outputs, verdict, sentence } = answer;
  if (!isRecord(status) || !isRecord(usage) || !Array.isArray(outputs) || outputs.length > asked) return invalid();
  const { code, signal } = status;
  if (!isCount(code, 255) || !isCount(signal, 127)) return invalid();
  const { wallMs, userMs, systemMs, maxRssKb } = usage;
  if (!isAmount(wallMs) || !isAmount(userMs) || !isAmount(systemMs) || !isCount(maxRssKb, Number.MAX_SAFE_INTEGER)) return invalid();
  const taken = outputs.map((one) => output(one, prefix, asked));
  if (new Set(taken.map(({ index }) => index)).size !== taken.length) return invalid();
  return {
    status: { code, signal },
    usage: { wallMs, userMs, systemMs, maxRssKb },
    stdout: printed(answer['stdout'], `${prefix}-stdout`),
    stderr: printed(answer['stderr'], `${prefix}-stderr`),
    outputs: taken,
    ...(typeof verdict !== 'string' ? {} : { verdict: { code: isErrorCode(verdict) ? verdict : 'internal', sentence: typeof sentence === 'string' ? sentence : undefined } }),
  };
}
