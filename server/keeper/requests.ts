/**
 * The requests that the keeper takes, on one screen: who may ask, how often, and what has to have happened before. Like OpenSSH's monitor.
 *
 * The front is the process that strangers talk to. Should one of them take it over, this table is all that it can make the keeper do: it
 * can append to the log but not change it, end a job once, and have a result signed only for a job that is in the log and not over.
 *
 * @module
 */
import { findEventMistake, type LogEvent } from '../../policy/log/events.ts';
import { WardError } from '../../protocol/errors.ts';
import type { AppendLog } from './append-log.ts';
import type { Checkpoints } from './checkpoints.ts';
import type { KeeperFarm } from './keeper-farm.ts';
import type { OpenJobs } from './open-jobs.ts';
import type { Refusals } from './refusals.ts';
import type { Secrets } from './secrets.ts';
import { signOutcome } from './sign-outcome.ts';

/** What requests work on. */
export interface KeeperState {
  readonly server: string;
  readonly farm: KeeperFarm;
  readonly log: AppendLog;
  readonly jobs: OpenJobs;
  readonly secrets: Secrets;
  readonly refusals: Refusals;
  readonly checkpoints: Checkpoints;
}

export interface RequestEntry {
  readonly from: readonly string[];
  /** At most so many in a second; undefined: as many as come. */
  readonly perSecond?: number;
  /** At most so many in the life of a connection. */
  readonly times?: number;
  answer(request: Readonly<Record<string, unknown>>, state: KeeperState): Promise<object>;
}

const refuse = (sentence: string): WardError => new WardError('protocol-violation', sentence);

/** Attacker-controlled, when the front is. */
const appendEvent = async (event: unknown, { log, jobs }: KeeperState): Promise<object> => {
  const mistake = findEventMistake(event, 'front');
  if (mistake !== undefined) throw refuse(`The keeper does not take this: ${mistake}.`);
  const checked = event as LogEvent;
  if (checked.event === 'job.end') jobs.close(checked.of!);
  const end = await log.append(checked);
  if (checked.event === 'job.allowed') jobs.open(end.seq, checked);
  return end;
};

export const keeperRequests: Readonly<Record<string, RequestEntry>> = Object.freeze(
  Object.assign(Object.create(null), {
    /** {event} → {seq, hash}: answered when the record is written. */
    append: { from: ['front'], perSecond: 20_000, answer: async ({ event }, state) => appendEvent(event, state) },

    /** {of, …} → {seq, hash}: an append of `job.end`, once for a job that was allowed. */
    end: {
      from: ['front'],
      perSecond: 20_000,
      answer: async ({ type: _, ...fields }, state) => appendEvent({ event: 'job.end', ...fields }, state),
    },

    /** {job, action, stdout, stderr, outputs, names} → {key, signature, …}: only for a job that is in the log and not over. */
    sign: { from: ['front'], perSecond: 5000, answer: async (request, state) => signOutcome(request, state) },

    /** {} → {epoch}: the farm file changed; this keeper reads it itself and takes no epoch from anybody else. */
    farm: { from: ['front'], perSecond: 5, answer: async (_, { farm }) => ({ epoch: await farm.reload() }) },

    /** {} → the newest signed checkpoint; everything it covers is on disk. */
    checkpoint: { from: ['front'], perSecond: 2, answer: async (_, { checkpoints }) => checkpoints.write() },

    /** {address, why} → {}: somebody without a name was refused. */
    refused: {
      from: ['front'],
      perSecond: 10_000,
      answer: async ({ address, why }, { refusals }) => {
        if (typeof address !== 'string' || typeof why !== 'string') throw refuse('A refusal has an address and a code.');
        refusals.count(address, why);
        return {};
      },
    },

    /** {} → {key}: the key of the digests that stand for argument values. */
    'redaction-key': { from: ['front'], times: 1, answer: async (_, { secrets }) => ({ key: secrets.redactionKey.toString('hex') }) },

    /** {} → {key, pem}: the public key under which this keeper signs results. */
    'result-key': {
      from: ['front'],
      times: 1,
      answer: async (_, { secrets }) => ({ key: secrets.keyId, pem: secrets.publicKey.export({ type: 'spki', format: 'pem' }) }),
    },

  /** {} → {seq, hash, key, broken?}: how the keeper is. */
    status: {
      from: ['front'],
      perSecond: 20,
      answer: async (_, { log, secrets }) => ({
        ...log.end,
        key: secrets.keyId,
        ...(log.broken === undefined ? {} : { broken: log.broken.message }),
      }),
    },
  } satisfies Record<string, RequestEntry>),
);

/** Enforces the table for one connection. */
export class RequestGate {
  readonly #from: string;
  readonly #used = new Map<string, number>();
  readonly #window = new Map<string, { second: number; count: number }>();

  constructor(from: string) {
    this.#from = from;
  }

  /** Answers one request or throws `protocol-violation`, `limit-exceeded`, or what the request itself throws. */
  async answer(request: Readonly<Record<string, unknown>>, state: KeeperState, now: number = Date.now()): Promise<object> {
    const type = String(request['type']).slice(0, 64);
    const entry = keeperRequests[type];
    if (entry === undefined || !entry.from.includes(this.#from))
      throw refuse(`The keeper takes no request ${JSON.stringify(type)} from the ${this.#from}.`);
    const used = (this.#used.get(type) ?? 0) + 1;
    if (used > (entry.times ?? Infinity))
      throw refuse(`The keeper answers ${JSON.stringify(type)} only ${entry.times === 1 ? 'once' : `${entry.times} times`}.`);
    this.#used.set(type, used);
    const second = Math.floor(now / 1000);
    const window = this.#window.get(type);
    const count = window?.second === second ? window.count + 1 : 1;
    this.#window.set(type, { second, count });
    if (count > (entry.perSecond ?? Infinity))
      throw new WardError('limit-exceeded', `The keeper answers ${JSON.stringify(type)} at most ${entry.perSecond} times a second.`);
    return entry.answer(request, state);
  }
}
