/**
 * What a person asks the agent through wardctl: one JSON request, one JSON answer.
 *
 * @module
 */
import { toWardError, WardError } from '../../protocol/errors.ts';
import type { HostStatus, PingAnswer, WhoAmI } from './farm-view.ts';
import type { Decision, Decisions } from './explain.ts';
import type { Stats, StatsReport } from './stats.ts';
import type { BaseServices } from './types.ts';
import { alarmsIn } from '../verify/alarms.ts';
import type { VerifyCounts } from '../verify/verification.ts';

/** `env`: the caller's variables that choose hosts and credentials. */
export type ControlRequest =
  | { readonly command: 'stats' | 'zero' | 'stop' }
  | { readonly command: 'whoami' | 'hosts' | 'ping'; readonly env: Readonly<Record<string, string>> }
  | { readonly command: 'why'; readonly file: string };

/** State of the agent itself, beside the counts. */
export interface AgentReport {
  readonly pid: number;
  readonly build: string;
  readonly uptimeMs: number;
  /** Resident memory in bytes. */
  readonly memory: number;
  readonly localSlots: { readonly total: number; readonly used: number; readonly waiting: number };
}

/** Jobs that were compiled twice. */
export interface VerifyReport extends VerifyCounts {
  /** Kept in `directory`, also from earlier agents. */
  readonly alarms: number;
  readonly directory: string;
}

/** Answers by command. */
export interface ControlAnswers {
  stats: StatsReport & { readonly verify: VerifyReport; readonly agent: AgentReport };
  zero: StatsReport & { readonly verify: VerifyReport; readonly agent: AgentReport };
  stop: { readonly stopping: true };
  whoami: WhoAmI;
  hosts: { readonly hosts: readonly HostStatus[] };
  ping: { readonly servers: readonly PingAnswer[] };
  why: { readonly decision?: Decision };
}

export interface ControlContext {
  readonly services: BaseServices;
  readonly stats: Stats;
  readonly decisions: Decisions;
  readonly build: string;
  /** Ends the agent after the answer was sent. */
  stop(): void;
}

const isText = (value: unknown): value is string => typeof value === 'string';

const environmentOf = (value: unknown): Record<string, string> =>
  Object.fromEntries(Object.entries(value ?? {}).filter((pair): pair is [string, string] => isText(pair[1])));

const statsAnswer = (context: ControlContext): ControlAnswers['stats'] => {
  const slots = context.services.localSlots;
  const { counts, alarms: { directory } } = context.services.verification;
  return {
    ...context.stats.report(),
    verify: { ...counts, alarms: alarmsIn(directory), directory },
    agent: {
      pid: process.pid,
      build: context.build,
      uptimeMs: Math.round(performance.now()),
      memory: process.memoryUsage.rss(),
      localSlots: { total: slots.total, used: slots.used, waiting: slots.waiting },
    },
  };
};

type Handler = (message: Record<string, unknown>, context: ControlContext) => unknown;

const commands: Readonly<Record<string, Handler>> = Object.freeze(
  Object.assign(Object.create(null), {
    stats: (_, context) => statsAnswer(context),
    zero: (_, context) => {
      const before = statsAnswer(context);
      context.stats.zero();
      context.services.verification.zero();
      return before;
    },
    stop: (_, context) => {
      context.stop();
      return { stopping: true };
    },
    whoami: (message, context) => context.services.farm.whoami(environmentOf(message['env'])),
    hosts: async (message, context) => ({ hosts: await context.services.farm.hosts(environmentOf(message['env'])) }),
    ping: async (message, context) => ({ servers: await context.services.farm.ping(environmentOf(message['env'])) }),
    why: (message, context) => {
      const decision = isText(message['file']) ? context.decisions.find(message['file']) : undefined;
      return decision === undefined ? {} : { decision };
    },
  } satisfies Record<ControlRequest['command'], Handler>),
);

/** The answer as JSON text: what was asked for, or `{error: {code, message}}`. */
export const answerControl = async (payload: Buffer, context: ControlContext): Promise<string> => {
  try {
    const message: unknown = JSON.parse(payload.toString('utf8'));
    if (typeof message !== 'object' || message === null) throw new WardError('protocol-violation', 'The request is no object.');
    const name = (message as Record<string, unknown>)['command'];
    const handler = isText(name) ? commands[name] : undefined;
    if (handler === undefined) throw new WardError('usage', `The agent has no command '${String(name)}'.`);
    return JSON.stringify(await handler(message as Record<string, unknown>, context));
  } catch (thrown) {
    const error = thrown instanceof SyntaxError ? new WardError('protocol-violation', 'The request is no JSON.') : toWardError(thrown);
    return JSON.stringify({ error: { code: error.code, message: error.message, at: error.at } });
  }
};
