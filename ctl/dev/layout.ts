/**
 * Where everything of a throwaway farm lies: all of it under one directory. What servers see is readable by their account;
 * the CA, the people's keys and the agent's sockets are not.
 *
 * @module
 */
import { createHash } from 'node:crypto';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface FarmLayout {
  readonly directory: string;
  /** Eight hexadecimal digits that name this farm where its directory's path does not fit. */
  readonly id: string;
  /** What runs and what was mounted: all that `dev down` needs. */
  readonly record: string;
  readonly policy: string;
  readonly committers: string;
  readonly repository: string;
  readonly ca: string;
  /** The CA's certificate and revocation list, as servers and clients read them. */
  readonly trust: string;
  /** The signed farm file, among them. */
  readonly farm: string;
  readonly log: string;
  readonly people: string;
  readonly bin: string;
  readonly client: string;
  readonly environment: string;
  /** The agent's sockets. In /tmp when the farm's own path is too long for one. */
  readonly runtime: string;
  server(number: number): string;
  /** A server's sockets and its ready file: with the agent's when the farm's own path is too long. */
  serverRun(number: number): string;
}

/** Longest farm directory below which `run/agent-<16 hex digits>.sock` and `servers/999/run/front.sock` fit into a socket address. */
const longestDirectory = 75;

export const farmLayout = (dir: string): FarmLayout => {
  const directory = resolve(dir);
  const id = createHash('sha256').update(directory).digest('hex').slice(0, 8);
  const fits = Buffer.byteLength(directory) <= longestDirectory;
  const elsewhere = `/tmp/wardcc-dev-${id}`;
  return {
    directory,
    id,
    record: join(directory, 'farm.json'),
    policy: join(directory, 'policy.jsonc'),
    committers: join(directory, 'committers.txt'),
    repository: join(directory, 'repository'),
    ca: join(directory, 'ca'),
    trust: join(directory, 'trust'),
    farm: join(directory, 'trust', 'farm.jsonc'),
    log: join(directory, 'log'),
    people: join(directory, 'people'),
    bin: join(directory, 'bin'),
    client: join(directory, 'client.jsonc'),
    environment: join(directory, 'env.sh'),
    runtime: fits ? join(directory, 'run') : elsewhere,
    server: (number) => join(directory, 'servers', String(number)),
    serverRun: (number) => (fits ? join(directory, 'servers', String(number), 'run') : join(elsewhere, `server-${number}`)),
  };
};

const fromSource = import.meta.url.endsWith('.ts');

/** The directory that holds `dist/` and `node_modules/`. */
export const installation = fileURLToPath(new URL(fromSource ? '../..' : '../../..', import.meta.url)).replace(/\/$/, '');

/** The programs as they were built. */
export const programs = join(installation, 'dist', 'bin');
