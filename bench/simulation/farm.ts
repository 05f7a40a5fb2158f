/**
 * A simulated farm on loopback: a CA and one committer, many servers in one process that sleep in place of compiling, and a client with
 * a real agent.
 *
 * @module
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { initAuthority } from '../../certs/authority.ts';
import { certFiles } from '../../ctl/dev/files.ts';
import { programs } from '../../ctl/dev/layout.ts';
import { cleanEnvironment } from '../contenders/contender.ts';
import { endChild } from '../contenders/daemon.ts';
import type { Plan } from './plan.ts';

export interface SimulatedFarm {
  /** Of the client. */
  readonly env: NodeJS.ProcessEnv;
  /** Process of all servers. */
  readonly servers: number;
  end(): Promise<void>;
}

const main = fileURLToPath(new URL('main.ts', import.meta.url));

/** Nothing is kept on servers or client: each job is to be placed. */
const policyText = (caPem: string): string => `{
  "serial": 1,
  "mechanisms": ["cert"],
${certFiles(caPem).policy.map((line) => `  ${line}`).join('\n')}
  "committers": { "sources": [{ "id": "people", "kind": "list", "file": "committers.txt" }] },
  "rules": [{ "id": "committers-compile", "effect": "allow", "who": ["*"], "cache": "none" }]
}
`;

export const startSimulatedFarm = async (directory: string, { servers, slots }: Plan): Promise<SimulatedFarm> => {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  // The servers' memory of revisions.
  await mkdir(join(directory, 'front'), { recursive: true, mode: 0o700 });
  const ca = join(directory, 'ca');
  const authority = await initAuthority(ca, { name: 'simulated farm', dev: true });
  await authority.writeCrl();
  const [server, user] = [await authority.issueServer(['localhost', '127.0.0.1']), await authority.issueUser('alice')];
  const files = {
    'server.pem': server.chainPem, 'server.key': server.keyPem, 'user.pem': user.certPem, 'user.key': user.keyPem,
    'committers.txt': 'alice\n', 'policy.jsonc': policyText(await readFile(join(ca, 'ca.pem'), 'utf8')),
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text, { mode: 0o600 });
  const child = spawn(process.execPath, [main, directory, String(servers), String(slots)], { stdio: ['pipe', 'pipe', 'inherit'] });
  const line = await Promise.race([once(createInterface(child.stdout), 'line'), once(child, 'exit').then(() => ['null'])]);
  const ports = JSON.parse(String(line[0])) as number[] | null;
  if (ports === null) throw new Error('the simulated servers could not be started');
  const client = {
    hosts: ports.map((port) => `127.0.0.1:${port}`),
    trust: { ca: 'ca/ca.pem', crl: 'ca/crl.pem', servers: ['localhost'] },
    credentials: { cert: 'user.pem', key: 'user.key' },
    mechanisms: ['cert'],
    cache: { directory: 'cache' },
    fallback: 'never',
  };
  await writeFile(join(directory, 'client.jsonc'), JSON.stringify(client), { mode: 0o600 });
  const runtime = join(directory, 'run');
  await mkdir(runtime, { mode: 0o700 });
  const environment = cleanEnvironment();
  const env = { ...environment, WARDCC_CONFIG: join(directory, 'client.jsonc'), WARDCC_RUNTIME_DIR: runtime, PATH: `${programs}:${environment['PATH']}` };
  return { env, servers: child.pid!, end: () => endChild(child) };
};
