/**
 * One part of the server, as the supervisor sees it: told its configuration in one line, over a stream that stays open, since its end
 * tells the part that the supervisor is gone. A part is a child process, with that stream as its standard input, or is started by
 * systemd when the supervisor connects to its socket.
 *
 * @module
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { connect, type Socket } from 'node:net';
import type { Account } from './account.ts';

export interface Part {
  readonly name: string;
  /** Resolves with a description of how it ended. Never rejects. */
  readonly ended: Promise<string>;
  /** Asks it to end by closing its stream, and makes sure after a grace of `graceMs`. */
  stop(graceMs: number): Promise<void>;
}

export interface ChildOptions {
  readonly name: string;
  readonly command: { readonly file: string; readonly args: readonly string[] };
  readonly configuration: object;
  /** Whom it runs as; undefined: the supervisor's own user. */
  readonly account?: Account | undefined;
}

/** The command that runs one of the server's modules with node, without the debugger that SIGUSR1 would open. */
export const nodeCommand = (module: string): ChildOptions['command'] => ({ file: process.execPath, args: ['--disable-sigusr1', module] });

/** All that a child may see of the environment. */
const environment: NodeJS.ProcessEnv = { PATH: '/usr/bin:/bin', LC_ALL: 'C.UTF-8', HOME: '/nonexistent' };

const lineOf = (configuration: object): string => `${JSON.stringify(configuration)}\n`;

/** Started by absolute path, with an environment of three names. */
export class Child implements Part {
  readonly name: string;
  readonly ended: Promise<string>;
  readonly #process: ChildProcess;

  constructor(options: ChildOptions) {
    const { name, command, configuration } = options;
    this.name = name;
    this.#process = spawn(command.file, command.args, {
      cwd: '/',
      env: environment,
      stdio: ['pipe', 'ignore', 'inherit'],
      ...(options.account === undefined ? {} : options.account),
    });
    this.ended = new Promise((resolve) => {
      this.#process.once('error', (error) => resolve(error.message));
      this.#process.once('exit', (code, signal) => resolve(signal === null ? `exit status ${code}` : `signal ${signal}`));
    });
    this.#process.stdin?.on('error', () => {});
    this.#process.stdin?.write(lineOf(configuration));
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  async stop(graceMs: number): Promise<void> {
    this.#process.stdin?.end();
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), graceMs);
    await this.ended;
    clearTimeout(timer);
  }
}

/** Started by somebody else, who knows its account, when its socket is connected to. */
export class Activated implements Part {
  readonly name: string;
  readonly ended: Promise<string>;
  readonly #socket: Socket;

  constructor(name: string, path: string, configuration: object) {
    this.name = name;
    this.#socket = connect({ path });
    this.ended = new Promise((resolve) => {
      this.#socket.once('error', ({ message }) => resolve(message));
      this.#socket.once('close', () => resolve('it closed its connection'));
    });
    this.#socket.resume();
    this.#socket.write(lineOf(configuration));
  }

  async stop(graceMs: number): Promise<void> {
    this.#socket.end();
    const timer = setTimeout(() => this.#socket.destroy(), graceMs);
    await this.ended;
    clearTimeout(timer);
  }
}
