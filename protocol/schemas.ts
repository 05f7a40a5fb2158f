/**
 * JSON Schemas of the messages, compiled once, and the one function that turns received bytes into a message. Closed objects,
 * bounds on every number, string and list; a message in the wrong direction or place is refused.
 *
 * @module
 */
import { Ajv } from 'ajv';
import type { ValidateFunction } from 'ajv';
import { cleanText } from './alert.ts';
import { WardError } from './errors.ts';
import { mechanisms } from './hello.ts';
import { limits } from './limits.ts';
import type { ClientMessage, Message, ServerMessage, ServerNotice } from './messages.ts';

type Schema = Record<string, unknown>;

const object = (properties: Record<string, Schema>, optional: readonly string[] = []): Schema => ({
  type: 'object',
  properties,
  required: Object.keys(properties).filter((name) => !optional.includes(name)),
  additionalProperties: false,
});
const literal = (value: string): Schema => ({ const: value });
const text = (maxLength: number, minLength = 1): Schema => ({ type: 'string', minLength, maxLength, pattern: '^[^\\u0000]*$' });
const integer = (maximum: number, minimum = 0): Schema => ({ type: 'integer', minimum, maximum });
const number = (maximum: number): Schema => ({ type: 'number', minimum: 0, maximum });
const list = (items: Schema, maxItems: number, minItems = 0): Schema => ({ type: 'array', items, minItems, maxItems });
const digest: Schema = { type: 'string', pattern: '^[0-9a-f]{64}$' };
const path: Schema = { type: 'string', maxLength: limits.pathBytes, pattern: '^/[^\\u0000]*$' };
const name = text(256);
/** A part of the cache domain, which stands in the log and in signatures: nothing in it may need cleaning there. */
const project: Schema = { type: 'string', minLength: 1, maxLength: 256, pattern: '^[^\\p{Cc}\\p{Cf}\\p{Cs}]*$' };
const bytes = integer(Number.MAX_SAFE_INTEGER);

const load = object({ free: integer(65_535), waiting: integer(1_000_000) });
const toolchains = list(object({ digest, canary: digest, name: path }), limits.toolchains);

const keyName: Schema = { type: 'string', pattern: '^[0-9a-f]{16}$' };
const signature: Schema = { type: 'string', pattern: '^[A-Za-z0-9+/]{86}==$' };

const languages = [
  'c', 'c++', 'objective-c', 'objective-c++', 'assembler', 'assembler-with-cpp',
  'cpp-output', 'c++-cpp-output', 'objective-c-cpp-output', 'objective-c++-cpp-output', 'c-header', 'c++-header',
];

/** JSON Schemas of the messages, by type. */
export const schemas = {
  welcome: object({
    type: literal('welcome'), server: name, principal: text(1024), committer: text(1024), because: text(8192), mechanism: { enum: mechanisms },
    expires: bytes, policy: object({ serial: bytes, digest }), isolation: { enum: ['strict', 'strict-rlimit'] },
    slots: integer(65_535), toolchains, zstd: { type: 'boolean' },
  }, ['because', 'zstd']),
  'peer-welcome': object({ type: literal('peer-welcome'), expires: bytes }),
  notice: object({
    type: literal('notice'), event: { enum: ['load', 'stopping', 'toolchains'] }, free: integer(65_535), waiting: integer(1_000_000),
    message: text(limits.errorText), toolchains,
  }, ['free', 'waiting', 'message', 'toolchains']),
  probe: object({
    type: literal('probe'), id: text(128), project, toolchain: digest, compiler: path, language: { enum: languages },
    argv: list(text(limits.argumentBytes, 0), limits.arguments, 1),
    env: {
      type: 'object', maxProperties: limits.environment, additionalProperties: text(limits.argumentBytes, 0),
      // A name like __proto__ could reach a prototype in careless code further on.
      propertyNames: { pattern: '^(?!__proto__$)[A-Za-z_][A-Za-z0-9_]{0,255}$' },
    },
    cwd: path, pwd: path, umask: integer(0o777), outputs: list(path, limits.outputs, 1), tree: digest,
    treeBytes: integer(limits.treeBytes), inputBytes: bytes, zstd: { type: 'boolean' },
  }, ['pwd', 'zstd']),
  pointer: object({ type: literal('pointer'), statement: text(limits.statementText), key: keyName, signature }),
  fetch: object({
    type: literal('fetch'), domain: text(2048), action: digest,
    parts: { type: 'array', items: integer(limits.outputs + 1), minItems: 1, maxItems: limits.outputs + 2, uniqueItems: true },
  }),
  elsewhere: object({ type: literal('elsewhere'), server: name }),
  offer: object({ type: literal('offer'), leaseMs: integer(600_000), speed: number(1_000_000), load }, ['load']),
  busy: object({ type: literal('busy'), position: integer(1_000_000), load }, ['load']),
  running: object({ type: literal('running') }),
  missing: object({ type: literal('missing'), digests: list(digest, limits.missing), more: { type: 'boolean' } }),
  result: object({
    type: literal('result'), cached: { type: 'boolean' }, keep: { type: 'boolean' },
    status: object({ code: integer(255), signal: integer(127) }), stdout: bytes, stderr: bytes,
    packed: integer(limits.packedResultBytes, 1),
    outputs: list(object({ index: integer(limits.outputs - 1), size: bytes, digest, mode: integer(0o777) }), limits.outputs),
    usage: object({ wallMs: number(1e9), userMs: number(1e9), systemMs: number(1e9), maxRssKb: bytes }), server: name,
    signed: object({
      domain: text(2048), epoch: bytes, job: bytes, principal: text(300), policy: digest,
      finished: { type: 'string', pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z$' }, key: keyName, signature,
    }),
    load,
  }, ['packed', 'signed', 'load']),
};

/** Where a message may come. */
const places = {
  'server notice': ['welcome', 'peer-welcome', 'notice'],
  'first client message': ['probe', 'pointer', 'fetch'],
  'server message': ['offer', 'busy', 'elsewhere', 'running', 'missing', 'result'],
} as const;

interface Placed {
  'server notice': ServerNotice;
  'first client message': ClientMessage;
  'server message': ServerMessage;
}

export type Place = keyof typeof places;

// A test checks the schemas themselves.
const ajv = new Ajv({ strict: true, allErrors: false, validateSchema: false, code: { optimize: false } });
const validators = new Map<string, ValidateFunction>();

/** Compiles on first use, once a process. */
const validatorFor = (type: string): ValidateFunction => {
  let validator = validators.get(type);
  if (validator === undefined) {
    validator = ajv.compile(schemas[type as keyof typeof schemas]);
    validators.set(type, validator);
  }
  return validator;
};

/** Attacker-controlled. The message in `payload`, if it is a valid one that may come at `place`; else `protocol-violation`. */
export const parseMessage = <P extends Place>(place: P, payload: Buffer): Placed[P] => {
  let message: unknown;
  try {
    message = JSON.parse(payload.toString('utf8'));
  } catch {
    throw new WardError('protocol-violation', 'A message is not valid JSON.');
  }
  const type = (message as { type?: unknown } | null)?.type;
  if (typeof type !== 'string' || !(places[place] as readonly string[]).includes(type)) {
    throw new WardError('protocol-violation', `A message has a type that is not allowed as ${place}.`);
  }
  const validator = validatorFor(type);
  if (!validator(message)) {
    const { instancePath = '', message: complaint = '' } = validator.errors?.[0] ?? {};
    throw new WardError('protocol-violation', cleanText(`A ${type} message is invalid: ${instancePath} ${complaint}.`));
  }
  return message as Placed[P];
};

/** A message as bytes. Throws `limit-exceeded` when it does not fit a frame. */
export const encodeMessage = (message: Message): Buffer => {
  const payload = Buffer.from(JSON.stringify(message));
  if (payload.length > limits.messageBytes) {
    throw new WardError(
      'limit-exceeded', `A ${message.type} message has ${payload.length} bytes; at most ${limits.messageBytes} are allowed.`,
    );
  }
  return payload;
};
