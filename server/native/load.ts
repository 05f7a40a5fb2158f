/**
 * The addon `wardcc.node`: system calls that Node does not have. Built by `server/native/build.sh` into `dist/native`.
 *
 * @module
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { WardError } from '../../protocol/errors.ts';

export interface PeerCredentials {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

export interface ChildrenUsage {
  readonly userMs: number;
  readonly systemMs: number;
  /** Of the largest one. */
  readonly maxRssKb: number;
}

export type LimitName = 'cpu' | 'core' | 'fsize' | 'nofile' | 'nproc' | 'as' | 'data' | 'stack';

/** A security context of GSS; only the addon knows what is inside. */
export type GssContext = object & { readonly __gssContext: never };
export type GssAcceptor = object & { readonly __gssAcceptor: never };

/** What the functions of Kerberos throw: the codes of gssapi.h and krb5.h. The message may hold bytes that a peer chose. */
export interface GssError extends Error {
  readonly code: 'GSS';
  readonly major: number;
  readonly minor: number;
}

export interface GssAccepted {
  readonly context: GssContext;
  /** The answer to the peer. */
  readonly token: Buffer;
  /** As the library displays it, with escapes. */
  readonly name: string;
  readonly flags: number;
  /** Encryption type of the session key; 0 unless it is AES. */
  readonly keyType: number;
  /** Names the key of the service that opened the ticket, as `usable` of its acceptor does. */
  readonly ticketKey: string;
}

/** Kerberos, as a service accepts it. Everything here throws or rejects with GssError. */
export interface GssNative {
  /** The names in a keytab, once for each key. */
  keytabPrincipals(keytab: string): string[];
  /** Takes the AES keys of one principal into memory. `usable` names them, `refused` counts its other keys; without usable ones the handle accepts nothing. */
  gssAcceptor(
    keytab: string,
    principal: string,
    replayCache: string,
  ): { readonly handle: GssAcceptor; readonly usable: readonly string[]; readonly refused: number };
  /** Looks at a token on a worker thread. Attacker-controlled. */
  gssAccept(acceptor: GssAcceptor, token: Buffer): Promise<GssAccepted>;
  gssSeal(context: GssContext, message: Buffer): Buffer;
  /** Throws for a token that is not whole, not in order or was not encrypted. */
  gssOpen(context: GssContext, token: Buffer): Buffer;
  /** End of the ticket in seconds since the epoch; the context is gone afterwards. */
  gssEnd(context: GssContext): number;
}

export interface Native extends GssNative {
  /** Who connected to this unix socket, from the kernel. Throws what `getsockopt` answered. */
  peerCredentials(fd: number): PeerCredentials;
  /** `prlimit` on another process of the same user. Throws what the kernel answered. */
  setLimit(pid: number, name: LimitName, soft: number, hard: number): void;
  /**
   * Starts a program quickly: `descriptors` become its 0, 1, 2…, and it has no others; its environment is empty, its working directory
   * the root. `args` include argv[0]. Throws what the kernel answered; then nothing runs. The caller collects it.
   */
  spawn(file: string, args: readonly string[], descriptors: readonly number[], umask: number): number;
  /** Whether a child that `spawn` started has ended; then it is collected, and its number may be given to another. Throws ECHILD. */
  collect(pid: number): boolean;
  /** From now on this process leaves no core dump, and nobody of the same user reads its memory or traces it. Throws what the kernel answered. */
  forbidDumps(): void;
  /** Puts a seccomp filter, an array of `struct sock_filter`, on every thread of this process, for good. Throws what the kernel answered. */
  installFilter(program: Buffer): void;
  /** Reading and writing end, closed on exec. */
  makePipe(): [number, number];
  /** What all children used that this process has waited for, since it started. */
  childrenUsage(): ChildrenUsage;
  /**
   * The state of many files in one call, `statFields.count` numbers each, in the order of `paths`. A path that cannot be examined
   * has mode 0 and the negative errno as its size.
   */
  statList(paths: readonly string[], follow: boolean): BigInt64Array;
}

/** Places of the fields in the answer of `statList`; times are nanoseconds since the epoch. */
export const statFields = Object.freeze({ device: 0, inode: 1, size: 2, mtime: 3, ctime: 4, mode: 5, count: 6 });

/** Directory of the built addon and helper: beside the compiled JavaScript, or in `dist` when the sources run directly. */
export const nativeDirectory = (): string => {
  const candidates = ['../../native/', '../../dist/native/'].map((place) => fileURLToPath(new URL(place, import.meta.url)));
  const found = candidates.find((directory) => existsSync(`${directory}wardcc-slot`));
  if (found === undefined)
    throw new WardError(
      'config-invalid',
      `The native parts are not built: no wardcc-slot in ${candidates.join(' or ')}. Run npm run build.`,
    );
  return found;
};

let loaded: Native | undefined;

/** Loads the addon once. @throws WardError `config-invalid` when it is not built. */
export const native = (): Native => (loaded ??= createRequire(import.meta.url)(`${nativeDirectory()}wardcc.node`) as Native);
