/**
 * One child process of the supervisor: started by absolute path, with an environment of three names, its configuration as
 * one line on standard input. Standard input stays open: its end tells the child that the supervisor is gone.
 *
 * @module
 */
import { spawn, type ChildProcess } from 'node:child_process';
import type { Account } from './account.ts';

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

export class Child {
  readonly name: string;
  /** Resolves with a description of how it ended. Never rejects. */
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
    this.#process.stdin?.write(`${JSON.stringify(configuration)}\n`);
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** Asks it to end by closing its standard input, and makes sure after a grace of `graceMs`. */
  async stop(graceMs: number): Promise<void> {
    this.#process.stdin?.end();
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), graceMs);
    await this.ended;
    clearTimeout(timer);
  }
}
