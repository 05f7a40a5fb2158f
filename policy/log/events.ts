/**
 * What a decision log can say: a table of events with stable codes, and the form of their fields.
 *
 * What always holds: no event carries a credential, a token or the value of a compiler argument; every text has a bound.
 *
 * @module
 */
import { errorTable, type ErrorCode } from '../../protocol/errors.ts';
import { compileSchema } from '../jsonc.ts';
import type { CacheScope, Mechanism } from '../types.ts';

export interface EventEntry {
  /** Never changes and is never used again for something else. */
  readonly code: string;
  /** Which process may write it. */
  readonly by: 'keeper' | 'front';
  readonly means: string;
  readonly requires: readonly (keyof LogEvent)[];
}

const entry = (code: string, by: EventEntry['by'], means: string, requires: readonly (keyof LogEvent)[] = []): EventEntry =>
  Object.freeze({ code, by, means, requires });

const who = ['principal', 'mechanism', 'address'] as const;
const why = ['verdict', 'rule', 'position', 'policy'] as const;

const table = {
  'log.opened': entry('WL001', 'keeper', 'The keeper began to write, after the record before this one.'),
  'log.recovered': entry('WL002', 'keeper', 'The last line was incomplete after a crash; its bytes were moved aside.', ['message']),
  'log.closed': entry('WL003', 'keeper', 'The keeper stopped in order.'),
  'server.started': entry('WL010', 'front', 'The server accepts connections.'),
  'server.stopping': entry('WL011', 'front', 'The server stops.'),
  'policy.loaded': entry('WL020', 'front', 'A policy came into force.', ['policy']),
  'policy.refused': entry('WL021', 'front', 'A changed policy was refused; the last good one stays in force.', ['message']),
  'committers.changed': entry('WL022', 'front', 'A committer source has a new revision.', ['committers']),
  'committers.failed': entry('WL023', 'front', 'A committer source could not be read.', ['message']),
  'tls.changed': entry('WL024', 'front', 'Changed certificates, keys or revocation lists came into force.'),
  'tls.refused': entry('WL025', 'front', 'A changed certificate, key or revocation list was refused; the last good one stays in force.', ['message']),
  'keytab.refused': entry('WL026', 'front', 'A changed keytab was refused; the keys that were good stay in force.', ['message']),
  'krl.refused': entry('WL027', 'front', 'A changed list of revoked SSH keys was refused; the last good one stays in force.', ['message']),
  'farm.loaded': entry('WL028', 'front', 'A farm file came into force.', ['message']),
  'farm.refused': entry('WL029', 'front', 'A changed farm file was refused; the last good one stays in force.', ['message']),
  'toolchain.withdrawn': entry('WL030', 'front', 'A staged compiler is not what it was: it is not offered any more, and its jobs were ended.', ['request', 'message']),
  'session.allowed': entry('WL100', 'front', 'Somebody was let in.', [...who, 'committer', ...why]),
  'session.denied': entry('WL101', 'front', 'Somebody with a proven name was refused.', [...who, 'verdict', 'reason']),
  'session.ended': entry('WL102', 'front', 'A session ended.', ['principal']),
  'access.ended': entry('WL103', 'front', 'The right to be here ended while a session was open: it was cut off.', ['principal', 'message']),
  'peer.allowed': entry('WL110', 'front', 'Another server of the farm was let in, to fetch results that are kept here.', ['principal', 'address', 'credential']),
  'peer.denied': entry('WL111', 'front', 'A server with a proven name was refused.', ['principal', 'address', 'credential', 'reason']),
  'result.fetched': entry('WL112', 'front', 'Another server of the farm was given parts of a kept result.', ['principal', 'address', 'domain', 'action', 'outputs']),
  'result.denied': entry('WL113', 'front', 'Another server of the farm asked for parts of a result, and was given none.', ['principal', 'address', 'domain', 'action', 'reason']),
  'job.allowed': entry('WL200', 'front', 'A job was allowed.', [...who, 'committer', 'request', ...why]),
  'job.denied': entry('WL201', 'front', 'A job was refused.', [...who, 'committer', 'request', 'reason', ...why]),
  'job.end': entry('WL202', 'front', 'A job that was allowed is over.', ['of']),
} as const satisfies Record<string, EventEntry>;

export type EventName = keyof typeof table;

export const eventTable: Readonly<Record<EventName, EventEntry>> = Object.freeze(Object.assign(Object.create(null), table));

export const isEventName = (text: string): text is EventName => Object.hasOwn(eventTable, text);

/** What was asked. `argv` has the names of options, and digests in place of values: see `redactArguments`. */
export interface LoggedRequest {
  readonly project?: string;
  readonly toolchain?: string;
  readonly compiler?: string;
  readonly language?: string;
  readonly argv?: readonly string[];
  readonly tree?: string;
  readonly inputBytes?: number;
}

/** One event as the front or keeper gives it; the keeper adds sequence, time, code and the chain. */
export interface LogEvent {
  readonly event: EventName;
  /** The front's own name for the job or session. */
  readonly id?: string;
  /** Sequence number of the decision that this is the end of. */
  readonly of?: number;
  readonly server?: string;
  readonly principal?: string;
  readonly mechanism?: Mechanism;
  /** Fingerprint of the credential. */
  readonly credential?: string;
  readonly address?: string;
  readonly committer?: string;
  /** `source@revision` of the committer sources that were asked. */
  readonly committers?: string;
  readonly request?: LoggedRequest;
  readonly verdict?: 'allow' | 'deny';
  readonly reason?: ErrorCode;
  readonly rule?: string;
  readonly position?: string;
  readonly policy?: { readonly serial: number; readonly digest: string };
  readonly domain?: string;
  readonly cache?: CacheScope;
  /** Action digest: what exactly ran. */
  readonly action?: string;
  readonly status?: { readonly code: number; readonly signal: number };
  readonly usage?: { readonly wallMs: number; readonly userMs: number; readonly systemMs: number; readonly maxRssKb: number };
  /** Digests of the outputs, or of the parts that were given. */
  readonly outputs?: readonly string[];
  readonly message?: string;
}

const text = (maxLength: number) => ({ type: 'string', maxLength }) as const;
const digest = { type: 'string', pattern: '^[0-9a-f]{64}$', description: 'a SHA-256 digest in hex' } as const;
const natural = { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER } as const;
const amount = { type: 'number', minimum: 0, maximum: Number.MAX_SAFE_INTEGER } as const;
const closed = <P extends Record<string, object>>(properties: P, required: readonly (keyof P & string)[] = []) =>
  ({ type: 'object', additionalProperties: false, properties, required }) as const;

/** JSON Schema of an event. Attacker-controlled as far as a taken-over front goes: everything is bounded. */
export const eventSchema = closed(
  {
    event: { type: 'string', enum: Object.keys(table) },
    id: text(128),
    of: natural,
    server: text(256),
    principal: text(300),
    mechanism: { type: 'string', enum: ['krb5', 'cert', 'ssh'] },
    credential: text(256),
    address: text(128),
    committer: text(256),
    committers: text(8192),
    request: closed({
      project: text(256),
      toolchain: text(128),
      compiler: text(4096),
      language: text(64),
      argv: { type: 'array', maxItems: 4096, items: text(256) },
      tree: text(64),
      inputBytes: natural,
    }),
    verdict: { type: 'string', enum: ['allow', 'deny'] },
    reason: { type: 'string', enum: Object.keys(errorTable) },
    rule: text(128),
    position: text(4352),
    policy: closed({ serial: natural, digest }, ['serial', 'digest']),
    domain: text(300),
    cache: { type: 'string', enum: ['none', 'own', 'domain'] },
    action: digest,
    status: closed({ code: { type: 'integer', minimum: -1, maximum: 255 }, signal: { type: 'integer', minimum: 0, maximum: 255 } }, [
      'code',
      'signal',
    ]),
    usage: closed({ wallMs: amount, userMs: amount, systemMs: amount, maxRssKb: amount }),
    outputs: { type: 'array', maxItems: 66, items: digest },
    message: text(4096),
  },
  ['event'],
);

const validate = compileSchema<LogEvent>(eventSchema);

/** The complaint about something that should be an event which `by` may write; undefined if it is one. */
export const findEventMistake = (event: unknown, by: EventEntry['by']): string | undefined => {
  if (!validate(event)) {
    const [error] = validate.errors;
    return `the event is not valid: ${error?.instancePath ?? ''} ${error?.message ?? ''}`;
  }
  const { by: writer, requires } = eventTable[event.event];
  if (writer !== by) return `the event ${event.event} is not for the ${by} to write`;
  const missing = requires.find((field) => event[field] === undefined);
  return missing === undefined ? undefined : `the event ${event.event} lacks "${missing}"`;
};
