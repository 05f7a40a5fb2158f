/**
 * What the front says to the decision log, made of what it knows: names and digests, never an argument's value.
 *
 * @module
 */
import type { LogEvent } from '../../policy/log/events.ts';
import { redactArguments } from '../../policy/log/redact.ts';
import { formatPrincipal } from '../../policy/principal.ts';
import type { Decision, DecisionRequest, Policy } from '../../policy/types.ts';
import { cleanText } from '../../protocol/alert.ts';
import { WardError } from '../../protocol/errors.ts';
import type { Probe } from '../../protocol/messages.ts';
import type { JobEnd, JobSession } from '../jobs/services.ts';
import type { Answer, Asking } from '../peers/give-parts.ts';
import type { Identity } from './session.ts';

/** Longest text that an event may carry. */
const longestText = 4096;

export interface EventContext {
  readonly server: string;
  readonly policy: Policy;
}

const judged = ({ verdict, code, rule, position }: Decision, { policy }: EventContext): Partial<LogEvent> => ({
  verdict,
  ...(code === undefined ? {} : { reason: code }),
  rule,
  position,
  policy: { serial: policy.serial, digest: policy.digest },
});

/** Somebody with a proven name came: let in or refused. */
export function connectEvent(identity: Identity, address: string, committer: string | undefined, outcome: Decision | WardError, context: EventContext): LogEvent {
  const who = {
    server: context.server,
    principal: identity.principal,
    mechanism: identity.mechanism,
    credential: identity.fingerprint,
    address,
    ...(committer === undefined ? {} : { committer }),
    committers: context.policy.committers.revision,
  };
  if (outcome instanceof WardError) return { event: 'session.denied', ...who, verdict: 'deny', reason: outcome.code };
  return { event: outcome.verdict === 'allow' ? 'session.allowed' : 'session.denied', ...who, ...judged(outcome, context) };
}

/** A job was decided. `key`: of the digests that stand for argument values. */
export function decisionEvent(request: DecisionRequest, decision: Decision, session: JobSession, probe: Probe, family: 'gcc' | 'clang', key: Buffer, context: EventContext): LogEvent {
  return {
    event: decision.verdict === 'allow' ? 'job.allowed' : 'job.denied',
    id: cleanText(probe.id, 128),
    server: context.server,
    principal: formatPrincipal(request.principal),
    mechanism: request.principal.mechanism,
    credential: session.fingerprint,
    address: session.address,
    committer: request.committer,
    committers: context.policy.committers.revision,
    request: {
      project: cleanText(probe.project, 256),
      toolchain: probe.toolchain,
      compiler: cleanText(probe.compiler, longestText),
      language: probe.language,
      argv: redactArguments(probe.argv, family, key),
      tree: probe.tree,
      inputBytes: probe.inputBytes,
    },
    ...judged(decision, context),
    domain: cleanText(decision.domain, 300),
    cache: decision.cache,
  };
}

/** A job that was allowed is over. */
export function endEvent(of: number, { principal, action, status, usage, outputs, code, message }: JobEnd, context: EventContext): LogEvent {
  return {
    event: 'job.end',
    of,
    server: context.server,
    principal,
    ...(action === undefined ? {} : { action }),
    ...(status === undefined ? {} : { status }),
    ...(usage === undefined ? {} : { usage }),
    ...(outputs === undefined ? {} : { outputs }),
    ...(code === undefined ? {} : { reason: code }),
    ...(message === undefined ? {} : { message: cleanText(message, longestText) }),
  };
}

/** Another server asked for parts of a kept result: it is given them, or not. */
export function answerEvent({ principal, address }: Asking, answer: Answer): Omit<LogEvent, 'server'> {
  return { event: 'reason' in answer ? 'result.denied' : 'result.fetched', principal, address, ...answer, domain: cleanText(answer.domain, 300) };
}

/** A session is over: cut off where the right or the credential behind it has ended. */
export function goneEvent({ principal, address }: Pick<JobSession, 'principal' | 'address'>, { class: cls, code, message }: WardError): Omit<LogEvent, 'server'> {
  const event = cls === 'authorization' || cls === 'authentication' ? 'access.ended' : 'session.ended';
  return { event, principal, address, reason: code, message: cleanText(message) };
}
