/**
 * What the last agent of this user had found out, done again by the next one before anybody waits for it: it connects to the configured
 * servers, describes the compilers, and asks them where they look for headers.
 *
 * Once in an agent's life, one thing after the other, and no more once a job has come, which then does what it needs itself. Without a
 * configured server nothing is done. Nobody is asked for anything: credentials are those that the last job chose, and ssh is in its
 * batch mode. What goes wrong is said to the first job that needs it.
 *
 * @module
 */
import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { compileSchema } from '../../policy/jsonc.ts';
import { credentialVariables } from '../config.ts';
import type { SearchQuestion } from '../inputs/search-path.ts';
import type { AgentServices } from './types.ts';

const mostCompilers = 4;
const mostQuestions = 16;
/** A file with more is none of ours, and nobody's commands need more. */
const mostBytes = 1 << 20;

interface Remembered {
  readonly env: Readonly<Record<string, string>>;
  /** Absolute paths. */
  readonly compilers: readonly string[];
  readonly questions: readonly SearchQuestion[];
}

const text = { type: 'string', maxLength: 65_536 } as const;
const path = { type: 'string', pattern: '^/', maxLength: 4096 } as const;

const isRemembered = compileSchema<Remembered>({
  type: 'object',
  additionalProperties: false,
  required: ['env', 'compilers', 'questions'],
  properties: {
    env: { type: 'object', additionalProperties: false, required: [], properties: Object.fromEntries(credentialVariables.map((name) => [name, text])) },
    compilers: { type: 'array', maxItems: mostCompilers, items: path },
    questions: {
      type: 'array',
      maxItems: mostQuestions,
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['compiler', 'cwd', 'args', 'env'],
        properties: {
          compiler: path, cwd: path, args: { type: 'array', maxItems: 4096, items: text }, env: { type: 'object', required: [], additionalProperties: text },
        },
      },
    },
  },
});

type Services = Pick<AgentServices, 'farm' | 'toolchains' | 'inputs'>;

export class WarmUp {
  readonly #file: string;
  readonly #services: Services;
  #env: Readonly<Record<string, string>> | undefined;

  /** @param file in the user's cache directory */
  constructor(file: string, services: Services) {
    this.#file = file;
    this.#services = services;
  }

  /** A job came with this environment. */
  note(env: Readonly<Record<string, string>>): void {
    this.#env = env;
  }

  /**
   * Does what the last agent left to do. Never rejects.
   *
   * @param isIdle false once a job has come
   */
  async run(isIdle: () => boolean): Promise<void> {
    const { farm, toolchains, inputs } = this.#services;
    const remembered = this.#read();
    if (remembered === undefined || !this.#hasServers(remembered.env)) return;
    farm.prepare(remembered.env);
    const steps = [
      ...remembered.compilers.map((compiler) => (): Promise<unknown> => toolchains.get(compiler)),
      ...remembered.questions.map((question) => (): Promise<unknown> => inputs.search.prepare(question)),
    ];
    for (const step of steps) {
      if (!isIdle()) return;
      await step().catch(() => {});
    }
  }

  /** The agent ends: leaves to the next one what its jobs used. What cannot be written is only missing. */
  remember(): void {
    if (this.#env === undefined) return;
    const env = this.#env;
    const remembered: Remembered = {
      env: Object.fromEntries(credentialVariables.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]]))),
      compilers: this.#services.toolchains.compilers.slice(-mostCompilers),
      questions: this.#services.inputs.search.questions.slice(-mostQuestions),
    };
    const json = JSON.stringify(remembered);
    if (Buffer.byteLength(json) > mostBytes) return;
    const fresh = `${this.#file}.${process.pid}.new`;
    try {
      mkdirSync(dirname(this.#file), { recursive: true, mode: 0o700 });
      writeFileSync(fresh, json, { mode: 0o600 });
      renameSync(fresh, this.#file);
    } catch {
      // No room, or no right to write there.
    }
  }

  #read(): Remembered | undefined {
    try {
      if (statSync(this.#file).size > mostBytes) return undefined;
      const remembered: unknown = JSON.parse(readFileSync(this.#file, 'utf8'));
      return isRemembered(remembered) ? remembered : undefined;
    } catch {
      return undefined;
    }
  }

  #hasServers(env: Remembered['env']): boolean {
    try {
      const { servers, domains = [] } = this.#services.farm.config(env);
      return servers.length + domains.length > 0;
    } catch {
      return false;
    }
  }
}
