/**
 * The agent's end of the Kerberos helper: started when it is needed, ended when it is idle or when a KDC keeps it waiting. Who asks
 * gets an answer or an error within a few seconds, whatever the network does.
 *
 * @module
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { WardError } from '../../protocol/errors.ts';
import { kdcSilent } from './krb5-errors.ts';
import type { HelperReply, HelperRequests, RequestType, Service, Ticket } from './krb5-messages.ts';

/** The variables that say where tickets are and where KDCs. */
export interface Krb5Environment {
  readonly KRB5CCNAME?: string;
  readonly KRB5_CONFIG?: string;
}

/** A context under way: the first token is made, for exactly this service. */
export interface Krb5Context {
  readonly token: Buffer;
  /** `wardcc/build1.corp.example@CORP.EXAMPLE`. */
  readonly service: string;
  readonly ticket: Ticket;
  step(token: Buffer): Promise<void>;
  seal(text: string): Promise<Buffer>;
  open(token: Buffer): Promise<Buffer>;
  end(): void;
}

const module = fileURLToPath(new URL(`krb5-helper-main.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url));

/** For all that a request may take, a KDC's answer included. */
const answerMs = 3_000;
/** On a machine that is very busy, starting a process takes its time, and no KDC is to blame. */
const startMs = 10_000;
const idleMs = 5_000;

interface Waiting {
  resolve(answer: object): void;
  reject(error: WardError): void;
  timer: NodeJS.Timeout | undefined;
}

/** Helpers that must not outlive this process, nor leave their directories behind. */
const living = new Set<Incarnation>();
process.once('exit', () => {
  for (const helper of [...living]) helper.end(new WardError('session-lost', 'The process ended.'));
});

/** One child process and what was asked of it. */
class Incarnation {
  readonly #child: ChildProcess;
  readonly #directory: string;
  readonly #waiting = new Map<number, Waiting>();
  /** Until the process says that it is up. */
  #starting: NodeJS.Timeout | undefined;
  #idle: NodeJS.Timeout | undefined;
  #ended: WardError | undefined;
  #nextId = 1;

  constructor(environment: Krb5Environment) {
    this.#directory = mkdtempSync(join(tmpdir(), 'wardcc-krb5-'));
    this.#child = spawn(process.execPath, ['--disable-sigusr1', module, this.#directory], {
      cwd: '/',
      env: { PATH: '/usr/bin:/bin', LC_ALL: 'C', HOME: process.env['HOME'] ?? '/', ...environment },
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    const gone = (): void => this.end(new WardError('internal', 'The Kerberos helper ended before it answered.'));
    this.#child.once('error', gone);
    this.#child.once('exit', gone);
    this.#child.on('message', (reply: HelperReply) => this.#take(reply));
    this.#starting = setTimeout(() => this.end(new WardError('internal', 'The Kerberos helper did not start.')), startMs);
    this.#child.unref();
    this.#child.channel?.unref();
    living.add(this);
  }

  get ended(): boolean {
    return this.#ended !== undefined;
  }

  ask<T extends RequestType>(type: T, request: HelperRequests[T]['request']): Promise<HelperRequests[T]['answer']> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    clearTimeout(this.#idle);
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      const waiting: Waiting = { resolve: resolve as Waiting['resolve'], reject, timer: undefined };
      this.#waiting.set(id, waiting);
      if (this.#starting === undefined) this.#limit(waiting);
      this.#child.send({ id, type, ...request }, (error) => {
        if (error !== null) this.end(new WardError('internal', 'The Kerberos helper does not take requests.', { cause: error }));
      });
    });
  }

  /** Ends the process at once; everything that waits for it fails with `error`. */
  end(error: WardError): void {
    if (this.#ended !== undefined) return;
    this.#ended = error;
    living.delete(this);
    clearTimeout(this.#idle);
    clearTimeout(this.#starting);
    this.#child.kill('SIGKILL');
    rmSync(this.#directory, { recursive: true, force: true });
    for (const { reject, timer } of this.#waiting.values()) {
      clearTimeout(timer);
      reject(error);
    }
    this.#waiting.clear();
  }

  #limit(waiting: Waiting): void {
    waiting.timer = setTimeout(() => this.end(kdcSilent(answerMs / 1000)), answerMs);
  }

  #take({ id, answer, error }: HelperReply): void {
    if (this.#starting !== undefined) {
      clearTimeout(this.#starting);
      this.#starting = undefined;
      for (const waiting of this.#waiting.values()) this.#limit(waiting);
    }
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    this.#waiting.delete(id);
    clearTimeout(waiting.timer);
    if (error === undefined) waiting.resolve(answer ?? {});
    else waiting.reject(new WardError(error.code, error.message));
    if (this.#waiting.size > 0) return;
    this.#idle = setTimeout(() => this.end(new WardError('session-lost', 'The Kerberos helper was idle.')), idleMs).unref();
  }
}

export class Krb5Helper {
  readonly #environment: Krb5Environment;
  #current: Incarnation | undefined;

  constructor(environment: Krb5Environment) {
    this.#environment = environment;
  }

  /** The ticket that would be used. @throws WardError `credential-missing`, `credential-expired` */
  look(service: Service): Promise<Ticket> {
    return this.#incarnation().ask('look', service);
  }

  /** A context with a service. @throws WardError also `kdc-unreachable`, within a few seconds, and `server-untrusted` */
  async begin(service: Service): Promise<Krb5Context> {
    const helper = this.#incarnation();
    const { context, token, principal, ticket } = await helper.ask('begin', service);
    const bytes = (text: string): Buffer => Buffer.from(text, 'base64');
    return {
      token: bytes(token),
      service: principal,
      ticket,
      step: async (answer) => void (await helper.ask('step', { context, token: answer.toString('base64') })),
      seal: async (text) => bytes((await helper.ask('seal', { context, text })).token),
      open: async (sealed) => bytes((await helper.ask('open', { context, token: sealed.toString('base64') })).message),
      end: () => void helper.ask('end', { context }).catch(() => {}),
    };
  }

  close(): void {
    this.#current?.end(new WardError('session-lost', 'The Kerberos helper was closed.'));
  }

  #incarnation(): Incarnation {
    if (this.#current === undefined || this.#current.ended) this.#current = new Incarnation(this.#environment);
    return this.#current;
  }
}
