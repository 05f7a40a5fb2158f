/**
 * The bytes between launcher and agent, on a unix socket of one user. Numbers are little-endian.
 *
 * Request: `WCL1`, length, then records {tag, length, bytes}. Answer: frames {type, length, payload}. A person's command sends
 * `WCJ1`, length, JSON and gets length, JSON back. Launcher and agent are of the same build: there are no versions to mix.
 *
 * @module
 */
import { WardError } from '../../protocol/errors.ts';
import type { LauncherRequest } from './types.ts';

/** Magic of a launcher's request. */
export const launcherMagic = 'WCL1';
/** Magic of a control request. */
export const controlMagic = 'WCJ1';
/** Longest request: the kernel's own limit for argv and environment is 2 MiB unless raised. */
export const maxRequestBytes = 16 * 1024 * 1024;
/** Content travels in pieces of this size. */
const pieceBytes = 256 * 1024;

/** Flags of the `L` frame. */
export const runFlags = Object.freeze({ uncounted: 1, reporting: 2, saying: 4 });

const invalid = (what: string): WardError => new WardError('protocol-violation', `The launcher sent ${what}.`);

/** The payload of a request; `isUtf8` says whether nothing was lost. @throws WardError `protocol-violation` */
export const decodeRequest = (payload: Buffer): LauncherRequest => {
  const argv: string[] = [];
  const env: Record<string, string> = Object.create(null);
  const single = new Map<string, Buffer>();
  let isUtf8 = true;
  const text = (bytes: Buffer): string => {
    const decoded = bytes.toString('utf8');
    if (decoded.includes('\ufffd') && !Buffer.from(decoded).equals(bytes)) isUtf8 = false;
    return decoded;
  };
  for (let at = 0; at < payload.length; ) {
    if (payload.length - at < 5) throw invalid('half a record');
    const tag = String.fromCharCode(payload[at]!);
    const length = payload.readUInt32LE(at + 1);
    const bytes = payload.subarray(at + 5, at + 5 + length);
    if (bytes.length !== length) throw invalid('half a record');
    at += 5 + length;
    if (tag === 'A') argv.push(text(bytes));
    else if (tag === 'E') addVariable(env, text(bytes));
    else if (!'KCPUHNTDM'.includes(tag)) throw invalid('a record of an unknown kind');
    else if (single.has(tag)) throw invalid(`record ${tag} twice`);
    else single.set(tag, bytes);
  }
  const string = (tag: string): string | undefined => {
    const bytes = single.get(tag);
    return bytes === undefined ? undefined : text(bytes);
  };
  const number = (tag: string): number => {
    const bytes = single.get(tag);
    if (bytes?.length !== 4) throw invalid(`no number in record ${tag}`);
    return bytes.readUInt32LE(0);
  };
  const compiler = string('K');
  const cwd = string('C');
  const terminal = single.get('T');
  if (argv.length === 0 || cwd === undefined || !cwd.startsWith('/') || compiler === undefined || !compiler.startsWith('/')) {
    throw invalid('a command without compiler or working directory');
  }
  if (terminal?.length !== 5) throw invalid('no terminal record');
  const pwd = string('P');
  const path = string('H');
  return {
    argv,
    compiler,
    cwd,
    ...(pwd === undefined ? {} : { pwd }),
    umask: number('U') & 0o777,
    ...(path === undefined ? {} : { path }),
    env,
    terminal: { isTerminal: terminal[0] === 1, columns: terminal.readUInt16LE(1), inputColumns: terminal.readUInt16LE(3) },
    pid: number('D'),
    begunMs: milliseconds(single.get('M')),
    namespace: string('N') ?? '',
    isUtf8,
  };
};

/** Nanoseconds on the wire. */
const milliseconds = (bytes: Buffer | undefined): number => {
  if (bytes?.length !== 8) throw invalid('no time in record M');
  return Number(bytes.readBigUInt64LE(0)) / 1e6;
};

/** How deep launchers are nested is the launcher's own business. */
const addVariable = (env: Record<string, string>, entry: string): void => {
  const equals = entry.indexOf('=');
  if (equals <= 0) throw invalid('a variable without a name');
  const name = entry.slice(0, equals);
  if (name !== 'WARDCC_DEPTH' && !(name in env)) env[name] = entry.slice(equals + 1);
};

/** The whole request, magic and length included: what a launcher sends. */
export const encodeRequest = (request: LauncherRequest): Buffer => {
  const records: Buffer[] = [];
  const record = (tag: string, bytes: Buffer): void => {
    const header = Buffer.alloc(5);
    header.write(tag, 0, 'latin1');
    header.writeUInt32LE(bytes.length, 1);
    records.push(header, bytes);
  };
  const number = (value: number): Buffer => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(value);
    return bytes;
  };
  for (const argument of request.argv) record('A', Buffer.from(argument));
  record('K', Buffer.from(request.compiler));
  record('C', Buffer.from(request.cwd));
  if (request.pwd !== undefined) record('P', Buffer.from(request.pwd));
  record('U', number(request.umask));
  if (request.path !== undefined) record('H', Buffer.from(request.path));
  for (const [name, value] of Object.entries(request.env)) record('E', Buffer.from(`${name}=${value}`));
  record('N', Buffer.from(request.namespace));
  const terminal = Buffer.alloc(5);
  terminal.writeUInt8(request.terminal.isTerminal ? 1 : 0);
  terminal.writeUInt16LE(request.terminal.columns, 1);
  terminal.writeUInt16LE(request.terminal.inputColumns, 3);
  record('T', terminal);
  record('D', number(request.pid));
  const begun = Buffer.alloc(8);
  begun.writeBigUInt64LE(BigInt(Math.round(request.begunMs * 1e6)));
  record('M', begun);
  const payload = Buffer.concat(records);
  const header = Buffer.alloc(8);
  header.write(launcherMagic, 'latin1');
  header.writeUInt32LE(payload.length, 4);
  return Buffer.concat([header, payload]);
};

const frame = (type: string, payload: Buffer): Buffer[] => {
  const header = Buffer.alloc(5);
  header.write(type, 0, 'latin1');
  header.writeUInt32LE(payload.length, 1);
  return [header, payload];
};

const numbers = (first: number, second?: number): Buffer => {
  const bytes = Buffer.alloc(second === undefined ? 4 : 8);
  bytes.writeUInt32LE(first >>> 0);
  if (second !== undefined) bytes.writeUInt32LE(second >>> 0, 4);
  return bytes;
};

const pieces = function* (type: string, content: Buffer): Generator<Buffer> {
  for (let at = 0; at < content.length; at += pieceBytes) yield* frame(type, content.subarray(at, at + pieceBytes));
};

/** Frames of the answer, each as the buffers to write in order; contents are not copied. */
export const answerFrames = Object.freeze({
  /** `L`: the launcher becomes the compiler it found, or the one at `path`. */
  run: (flags: number, reason: string, path = ''): Buffer[] =>
    frame('L', Buffer.concat([numbers(flags), Buffer.from(`${path}\0${reason}`)])),
  /** `O` and `B`: one output file. */
  output: (path: string, mode: number, content: Buffer): Buffer[] => {
    const name = Buffer.from(path);
    const head = Buffer.alloc(6 + name.length + 8);
    head.writeUInt32LE(mode & 0o7777, 0);
    head.writeUInt16LE(name.length, 4);
    name.copy(head, 6);
    head.writeBigUInt64LE(BigInt(content.length), 6 + name.length);
    return [...frame('O', head), ...pieces('B', content)];
  },
  /** `U`: a file of an earlier compile that goes with the end of this one. */
  remove: (path: string): Buffer[] => frame('U', Buffer.from(path)),
  stdout: (bytes: Buffer): Buffer[] => [...pieces('S', bytes)],
  stderr: (bytes: Buffer): Buffer[] => [...pieces('R', bytes)],
  /** `D`: the compiler's end. */
  done: (code: number, signal: number): Buffer[] => frame('D', numbers(code, signal)),
  /** `X`: print and exit. */
  refuse: (exit: number, text: string): Buffer[] => frame('X', Buffer.concat([numbers(exit), Buffer.from(text)])),
});
