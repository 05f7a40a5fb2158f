/**
 * The JSON messages of a session and what they mean. Schemas with bounds on everything are in schemas.ts; a message that
 * reaches a consumer has passed them. Digests are SHA-256 in lower-case hexadecimal, times milliseconds.
 *
 * @module
 */
import type { Mechanism } from './hello.ts';
import type { Claim } from './statement.ts';

export type Isolation = 'strict' | 'strict-rlimit';

/** A compiler that a server offers, by content. */
export interface OfferedToolchain {
  digest: string;
  /** SHA-256 of the object the canary source compiles to: client and server must agree. */
  canary: string;
  /** Invoked path on the server, such as /usr/bin/gcc. */
  name: string;
}

/** Server → client on stream 0, the first keyed message. */
export interface Welcome {
  type: 'welcome';
  server: string;
  principal: string;
  committer: string;
  /** Why this committer: the identity rule and where it stands. */
  because?: string;
  mechanism: Mechanism;
  /** When the session ends (ms since the epoch); 0 = no end of its own. */
  expires: number;
  policy: { serial: number; digest: string };
  isolation: Isolation;
  slots: number;
  toolchains: OfferedToolchain[];
  /** Contents may come packed. */
  zstd?: boolean;
}

/** Server → another server of the farm on stream 0, the first keyed message: it may fetch results that are kept here, and do nothing else. */
export interface PeerWelcome {
  type: 'peer-welcome';
  /** When the session ends (ms since the epoch). */
  expires: number;
}

/** Server → client on stream 0: load, or that the server is about to end the session. */
export interface Notice {
  type: 'notice';
  event: 'load' | 'stopping' | 'toolchains';
  /** Slots that are free now. */
  free?: number;
  /** Jobs that wait for a slot. */
  waiting?: number;
  message?: string;
  /** With event `toolchains`: the whole new list. */
  toolchains?: OfferedToolchain[];
}

export type Language =
  | 'c' | 'c++' | 'objective-c' | 'objective-c++' | 'assembler' | 'assembler-with-cpp'
  | 'cpp-output' | 'c++-cpp-output' | 'objective-c-cpp-output' | 'objective-c++-cpp-output' | 'c-header' | 'c++-header';

/** Client → server, the first message of a job: everything but the file list and contents. */
export interface Probe {
  type: 'probe';
  /** The client's name for the job, for logs. */
  id: string;
  project: string;
  /** Digest of the toolchain. */
  toolchain: string;
  /** Path of the compiler as the toolchain names it. */
  compiler: string;
  language: Language;
  /** argv[0] included. */
  argv: string[];
  env: Record<string, string>;
  cwd: string;
  /** $PWD where it names the same directory by another path. */
  pwd?: string;
  umask: number;
  /** Absolute paths the client will take, in order; the first is the object. */
  outputs: string[];
  /** SHA-256 of the encoded tree. */
  tree: string;
  treeBytes: number;
  inputBytes: number;
  /** The result may come packed. */
  zstd?: boolean;
}

/** What a server has to do: rides on other messages. */
export interface Load {
  /** Slots in which a job would run at once. */
  free: number;
  /** Jobs that wait for a slot. */
  waiting: number;
}

/** Server → client: a place is reserved for `leaseMs`; with `load.waiting` above 0 the job would wait for a slot in it. */
export interface Offer {
  type: 'offer';
  leaseMs: number;
  /** Measured speed, 1 = a plain core. */
  speed: number;
  load?: Load;
}

/** Server → client: no slot; the place in the line. */
export interface Busy {
  type: 'busy';
  position: number;
  load?: Load;
}

/** Server → client: this very compile is under way for somebody else; its result will be yours too. */
export interface Running {
  type: 'running';
}

/** Server → client: contents the server lacks; `more` = another `missing` follows. */
export interface Missing {
  type: 'missing';
  digests: string[];
  more: boolean;
}

export interface ResultOutput {
  /** Index into `probe.outputs`. */
  index: number;
  size: number;
  digest: string;
  mode: number;
}

/** Server → client: the compiler has run, now or before. Followed by stdout ‖ stderr ‖ outputs in this order, then END. */
export interface Result {
  type: 'result';
  /** Nothing ran: the server had the result from an earlier job. */
  cached: boolean;
  /** The policy lets this result be given again to whoever may have it; false: use it once. */
  keep: boolean;
  status: { code: number; signal: number };
  /** Bytes of standard output. */
  stdout: number;
  /** Bytes of standard error. */
  stderr: number;
  /** Bytes of the body as it comes; absent: it is not packed. */
  packed?: number;
  outputs: ResultOutput[];
  usage: { wallMs: number; userMs: number; systemMs: number; maxRssKb: number };
  /** Name of the server that made it, which another may give away again. */
  server: string;
  /** Of a success: what the keeper of that server says about it. */
  signed?: ResultSignature;
  load?: Load;
}

/** What the statement about a result (statement.ts, PROTOCOL.md) says that the client does not know anyhow, and the keeper's signature over it. */
export interface ResultSignature extends Pick<Claim, 'domain' | 'epoch' | 'job' | 'principal' | 'policy' | 'finished'> {
  /** Names the key: the first 16 hex digits of SHA-256 over its SubjectPublicKeyInfo. */
  key: string;
  /** Ed25519, in base64. */
  signature: string;
}

/** Client → server, on a stream of its own: a job whose home this server is was done elsewhere. */
export interface Pointer {
  type: 'pointer';
  /** What the keeper of that server says of the result (statement.ts). */
  statement: string;
  /** Names its key, and its signature over that, in base64. */
  key: string;
  signature: string;
}

/** Another server → server, on a stream of its own: parts of a kept result. They follow in this order as one run of bytes, then END. */
export interface Fetch {
  type: 'fetch';
  /** Cache domain in which the result is kept. */
  domain: string;
  /** Digest of what ran. */
  action: string;
  /** Which parts: 0 is standard output, 1 standard error, and 2 the first output. */
  parts: number[];
}

/** Server → client: another server has the result of this very compile, or had it. What becomes of the job here follows. */
export interface Elsewhere {
  type: 'elsewhere';
  server: string;
}

export type ClientMessage = Probe | Pointer | Fetch;
export type ServerMessage = Offer | Busy | Elsewhere | Running | Missing | Result;
export type ServerNotice = Welcome | PeerWelcome | Notice;
export type Message = ClientMessage | ServerMessage | ServerNotice;
