/**
 * wardcc as a contender, whole: a throwaway farm whose people come in one way only, every job authenticated and sandboxed.
 *
 * @module
 */
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bringDown } from '../../ctl/dev/down.ts';
import { readFarmRecord } from '../../ctl/dev/farm-record.ts';
import { farmLayout } from '../../ctl/dev/layout.ts';
import { environmentAfter, run } from '../../setup/demo/run.ts';
import { cleanEnvironment, type Contender, type JobCounts, type Surroundings } from './contender.ts';

export type Mechanism = 'cert' | 'krb5' | 'ssh';

interface Stats {
  readonly jobs: JobCounts;
  readonly agent?: { readonly pid: number };
}

/** A person with an agent of their own. */
export interface Client extends Contender {
  /** Process of the agent. */
  readonly agent: number;
  /** Ends agent and session; what the agent keeps on disk stays. The next job starts another. */
  close(): Promise<void>;
  /** Sees to an agent with a session. */
  open(): Promise<void>;
  readonly counts: NonNullable<Contender['counts']>;
}

export interface WardccFarm extends Client {
  readonly directory: string;
  /** The server's port on loopback; of `ssh`, sshd's. */
  readonly port: number;
  readonly isolation: string;
  /**
   * Somebody else of the farm's people, at the same place, with an empty cache and a session that is open.
   *
   * @param name of the cache
   * @param host where the server is reached, in place of its own address
   */
  another(name: string, host?: string): Promise<Client>;
  /** Every process of the farm, and the caller's agent, by what it is. */
  processes(): { readonly process: string; readonly pid: number }[];
}

const wardctl = fileURLToPath(new URL('../../dist/bin/wardctl', import.meta.url));

const read = (file: string): string => {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
};

const childrenOf = (pid: number): number[] => read(`/proc/${pid}/task/${pid}/children`).trim().split(' ').filter(Boolean).map(Number);

const descendantsOf = (pid: number): number[] => childrenOf(pid).flatMap((child) => [child, ...descendantsOf(child)]);

/** By what it runs, or by the title it gave itself. */
const nameOf = (pid: number): string => {
  const command = read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ');
  if (command.includes('wardcc-slot')) return 'slot helper';
  return /(front|keeper|executor)\/main\.js/.exec(command)?.[1] ?? /wardccd: (\w+)/.exec(command)?.[1] ?? 'supervisor';
};

const must = async (command: readonly string[], env: NodeJS.ProcessEnv): Promise<string> => {
  const { status, stdout, stderr } = await run(command, { env });
  if (status !== 0) throw new Error(`${command.slice(0, 3).join(' ')} failed:\n${stderr}`);
  return stdout;
};

/** Opens the client's session: a build that runs all day has an agent and a session already. */
const openClient = async (name: string, env: NodeJS.ProcessEnv, end: () => Promise<void>): Promise<Client> => {
  const stats = async (...options: string[]): Promise<Stats> => JSON.parse(await must([wardctl, 'stats', '--json', ...options], env)) as Stats;
  // 0: there is none at the moment that anybody has been told of.
  let agent = 0;
  const client: Client = {
    name,
    env,
    get agent() {
      return agent;
    },
    command: (compiler) => `wardcc ${compiler}`,
    helpers: () => (agent === 0 ? [] : [agent]),
    caches: true,
    remote: true,
    counts: { zero: async () => void (await stats('--zero')), read: async () => (await stats()).jobs },
    close: async () => {
      agent = 0;
      await must([wardctl, 'stop'], env);
    },
    open: async () => {
      await must([wardctl, 'whoami', '--json'], env);
      const { pid } = (await stats()).agent ?? {};
      if (pid === undefined) throw new Error('whoami has left no agent');
      agent = pid;
    },
    end,
  };
  await client.open();
  return client;
};

/** Brings a farm up and opens the caller's session. */
export const startWardcc = async ({ place }: Surroundings, mechanism: Mechanism): Promise<WardccFarm> => {
  const directory = join(place, `farm-${mechanism}`);
  const way = mechanism === 'cert' ? [] : [`--${mechanism}`];
  const up = await run([wardctl, 'dev', 'up', '--dir', directory, ...way], { env: cleanEnvironment() });
  if (up.status !== 0) throw new Error(`wardctl dev up failed:\n${up.stderr}`);
  const env = { ...(await environmentAfter(join(directory, 'env.sh'), cleanEnvironment())), WARDCC_FALLBACK: 'never' };
  const end = async (): Promise<void> => void (await bringDown(directory));
  const { processes = [] } = await readFarmRecord(farmLayout(directory).record) ?? {};
  const client = await openClient(`wardcc, ${mechanism}`, env, end).catch(async (error: unknown) => {
    await end();
    throw error;
  });
  return Object.assign(client, {
    directory,
    isolation: up.stderr.includes('strict-rlimit') ? 'strict-rlimit' : 'strict',
    port: Number(/:([0-9]+)"/.exec(read(join(directory, 'client.jsonc')))?.[1]),
    another: async (name: string, host?: string) => {
      const alice = join(directory, 'people', 'alice');
      const text = read(join(alice, 'client.jsonc')).replace(/"cache": \{.*\}/, `"cache": { "directory": ${JSON.stringify(`cache-${name}`)} }`);
      const config = join(alice, `client-${name}.jsonc`);
      await writeFile(config, text, { mode: 0o600 });
      const theirs = { ...env, WARDCC_CONFIG: config, ...(host === undefined ? {} : { WARDCC_HOSTS: host }) };
      const other: Client = await openClient(client.name, theirs, () => other.close());
      return other;
    },
    processes: () => [
      ...processes.flatMap(({ pid }) => [pid, ...descendantsOf(pid)]).map((pid) => ({ process: nameOf(pid), pid })),
      { process: 'agent', pid: client.agent },
    ],
  });
};
