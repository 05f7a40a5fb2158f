/**
 * The keeper's word for what came out of a job. Who asked, under which policy, for which compiler and in which domain is taken from the
 * log, not from the front; server, epoch and time are the keeper's own. The front says what ran and what came out.
 *
 * @module
 */
import { signResult } from '../../policy/log/checkpoint.ts';
import { closed, compileSchema } from '../../policy/jsonc.ts';
import type { ResultParts } from '../../protocol/action.ts';
import { WardError } from '../../protocol/errors.ts';
import { limits } from '../../protocol/limits.ts';
import type { ResultSignature } from '../../protocol/messages.ts';
import { statementOf } from '../../protocol/statement.ts';
import type { KeeperState } from './requests.ts';

/** What the front asks to have signed. */
export interface SignRequest extends ResultParts {
  /** Number of the decision in the log. */
  readonly job: number;
  /** Digest of what ran. */
  readonly action: string;
  /** Of the outputs that the job may have, by index. */
  readonly names: readonly string[];
}

const natural = { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER } as const;
const digest = { type: 'string', pattern: '^[0-9a-f]{64}$' } as const;
const part = { digest, size: natural } as const;

const validate = compileSchema<SignRequest>(closed({
  job: natural,
  action: digest,
  stdout: closed(part),
  stderr: closed(part),
  outputs: { type: 'array', maxItems: limits.outputs, items: closed({ index: { ...natural, maximum: limits.outputs - 1 }, mode: natural, ...part }) },
  names: { type: 'array', maxItems: limits.outputs, items: { type: 'string', maxLength: limits.pathBytes } },
}));

const refuse = (sentence: string): WardError => new WardError('protocol-violation', sentence);

/** Attacker-controlled, when the front is. @throws WardError `protocol-violation` */
export function signOutcome({ type: _, ...request }: Readonly<Record<string, unknown>>, { server, farm, jobs, secrets }: KeeperState): ResultSignature {
  if (!validate(request)) throw refuse('The keeper signs outcomes of jobs only, described as its table says.');
  const { job, action, names, ...parts } = request as unknown as SignRequest;
  const logged = jobs.find(job);
  if (logged === undefined) throw refuse('The keeper signs results only for jobs that are in the log and not over.');
  const { principal, domain, policy } = logged;
  const said = { domain, epoch: farm.epoch, job, principal, policy, finished: new Date().toISOString() };
  const statement = statementOf({ server, action, toolchain: logged.toolchain, ...said }, parts, names);
  return { ...said, key: secrets.keyId, signature: signResult(statement, secrets.key) };
}
