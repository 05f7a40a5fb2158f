/**
 * What a job needs from the rest of the front, as interfaces: `job.ts` and its steps see nothing else of the server.
 *
 * @module
 */
import type { Decision, DecisionRequest } from '../../policy/types.ts';
import type { ErrorCode, WardError } from '../../protocol/errors.ts';
import type { Load, Probe } from '../../protocol/messages.ts';
import type { Deadlines } from '../queue/deadlines.ts';
import type { Customer, FairLine } from '../queue/fair-line.ts';
import type { ResultCache } from '../store/result-cache.ts';
import type { Store } from '../store/store.ts';
import type { Uploads } from '../store/uploads.ts';
import type { Flights } from './flights.ts';
import type { ResultKeeping } from './keep-result.ts';
import type { Pointers } from './pointers.ts';
import type { Unread } from './unread.ts';

/** The authenticated person behind a job. */
export interface JobSession {
  /** As printed: `cert:alice@corp.example`. */
  readonly principal: string;
  readonly committer: string;
  readonly mechanism: string;
  readonly address: string;
  /** Fingerprint of the credential, never the credential. */
  readonly fingerprint: string;
  /** The shortest time from an offer to its START, in milliseconds: how far away the client is. */
  answerMs: number | undefined;
  /** Cache domains of this session's jobs. */
  readonly domains: ReadonlySet<string>;
  /** A job of this session was admitted to a cache domain: its contents may be stored there. */
  enterDomain(domain: string): void;
  /** Calls back once when the session ends, with the reason; the returned function stops that. */
  whenEnded(callback: (reason: WardError) => void): () => void;
}

/** A compiler that this server has staged and proved. */
export interface StagedToolchain {
  readonly digest: string;
  readonly name: string;
  readonly family: 'gcc' | 'clang';
  /** Root directory of the stage, mounted read-only in the sandbox. */
  readonly root: string;
  /** Include directories of the toolchain that clients may fill. */
  readonly includeDirs: readonly string[];
  /** SHA-256 of the canary object that this toolchain made in the sandbox. */
  readonly canary: string;
  /** Why it is not to be used any more, in a sentence; absent: it is good. */
  readonly withdrawn?: string;
}

export interface Usage {
  readonly wallMs: number;
  readonly userMs: number;
  readonly systemMs: number;
  readonly maxRssKb: number;
}

export interface StoredFile {
  readonly path: string;
  readonly size: number;
}

export interface JobOutput extends StoredFile {
  /** Index into the probe's outputs. */
  readonly index: number;
  readonly digest: string;
  readonly mode: number;
}

export interface Outcome {
  readonly status: { readonly code: number; readonly signal: number };
  readonly usage: Usage;
  readonly stdout: StoredFile;
  readonly stderr: StoredFile;
  readonly outputs: readonly JobOutput[];
  /** Removes the files; nobody needs them any more. */
  discard(): void;
}

export interface ExecutorJob {
  readonly probe: Probe;
  readonly decision: Decision;
  readonly toolchain: StagedToolchain;
  /** The encoded tree, as it was received and checked. */
  readonly tree: Buffer;
}

export interface Executors {
  /** Waits for a slot and runs. @throws WardError the typed infrastructure error when it was not the compiler's own answer. */
  run(job: ExecutorJob, customer: Customer, signal: AbortSignal): Promise<Outcome>;
}

export interface JobEnd {
  readonly principal: string;
  /** What was done, or would have been. */
  readonly action?: string;
  readonly status?: Outcome['status'];
  readonly usage?: Usage;
  readonly outputs?: readonly string[];
  readonly code?: ErrorCode;
  readonly message?: string;
}

export interface DecisionLog {
  /** Resolves when the keeper has written the decision. @throws WardError `log-unavailable` */
  decided(request: DecisionRequest, decision: Decision, session: JobSession, probe: Probe): Promise<number>;
  /** Says how a logged job ended; nobody waits for it. */
  ended(seq: number, end: JobEnd): void;
}

export interface JobServices {
  readonly serverName: string;
  readonly deadlines: Deadlines;
  readonly admission: FairLine;
  readonly store: Store;
  readonly uploads: Uploads;
  readonly executors: Executors;
  /** Compiles under way, by action. */
  readonly flights: Flights<Outcome>;
  /** Results of earlier jobs. */
  readonly results: ResultCache;
  readonly keeping: ResultKeeping;
  /** Results of jobs whose home this server is, and that were done elsewhere. */
  readonly pointers: Pointers;
  /** Results that clients have not taken yet. */
  readonly unread: Unread;
  readonly log: DecisionLog;
  /** Completes a request with who asks, and decides. Pure but for the state of the committer sources. */
  decide(session: JobSession, what: Omit<DecisionRequest, 'principal' | 'committer' | 'isCommitter' | 'sources'>): { request: DecisionRequest; decision: Decision };
  toolchain(digest: string): StagedToolchain | undefined;
  /** Calls back when a toolchain is found damaged; the returned function stops that. */
  whenWithdrawn(digest: string, end: (reason: WardError) => void): () => void;
  /** Measured speed with a compiler, for clients that choose between offers. */
  speed(toolchain: string): number;
  /** What is free and what waits, now. */
  load(): Load;
}
