/**
 * A workbench: the real launcher beside a real agent, in directories of its own.
 *
 * @module
 */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, closeSync, cpSync, existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { ExecutionContext } from 'ava';
import { openMeetingPlace } from '../../../client/agent/place.ts';
import { temporaryDirectory } from '../../fixtures/temporary.ts';
import type { Script } from '../agent/scripted-agent.ts';

export const repository = fileURLToPath(new URL('../../..', import.meta.url));
const run = promisify(execFile);

export interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  script?: Script;
  /** Run this instead of the launcher. */
  program?: string;
  argv0?: string;
}

export interface Bench {
  /** A directory with a space in its name. */
  readonly directory: string;
  /** The working directory of jobs; holds a.c. */
  readonly work: string;
  readonly runtime: string;
  readonly launcher: string;
  start(args: readonly string[], options?: RunOptions): ChildProcess;
  run(args: readonly string[], options?: RunOptions): Promise<Ended>;
  /** Makes `wardcc-agent` start with these arguments. */
  agentArguments(...args: string[]): void;
}

/** Whose agent is meant: the runtime directory and the home. */
export type Place = Pick<Bench, 'runtime' | 'directory'>;

/** The end of a process that printed no more than this. */
export const exited = (code: number, printed: { stdout?: string; stderr?: string } = {}): Ended => ({
  code, signal: null, stdout: '', stderr: '', ...printed,
});

const builds = new Map<string, Promise<string>>();

/** The launcher of a build, compiled once in this process. */
export const builtLauncher = (id: string): Promise<string> => {
  const known = builds.get(id);
  if (known !== undefined) return known;
  const building = (async () => {
    const directory = mkdtempSync(join(tmpdir(), 'wardcc launcher '));
    process.on('exit', () => rmSync(directory, { recursive: true, force: true }));
    await run('sh', [join(repository, 'client/launcher/build.sh'), join(directory, 'wardcc'), id]);
    return join(directory, 'wardcc');
  })();
  builds.set(id, building);
  return building;
};

/** Waits for the end of a process and what it printed. */
export const ended = (child: ChildProcess): Promise<Ended> =>
  new Promise((resolve, reject) => {
    let stdout = '';
    let stderr = '';
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });

/** What the agent of a bench answers to a control request; undefined if there is none. */
export const ask = async (bench: Place, request: object, { build = 'test', config = '' } = {}): Promise<any> => {
  const place = openMeetingPlace({ HOME: bench.directory, WARDCC_RUNTIME_DIR: bench.runtime, WARDCC_CONFIG: config }, build);
  return new Promise((resolve) => {
    const socket = connect(place.file('sock'));
    const chunks: Buffer[] = [];
    socket.on('error', () => resolve(undefined));
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.on('close', () => resolve(chunks.length === 0 ? undefined : JSON.parse(Buffer.concat(chunks).toString('utf8', 4))));
    const body = Buffer.from(JSON.stringify(request));
    const header = Buffer.alloc(8);
    header.write('WCJ1');
    header.writeUInt32LE(body.length, 4);
    socket.write(Buffer.concat([header, body]));
  }).finally(() => closeSync(place.descriptor));
};

/** Ends the agent of a bench if there is one, and waits until its process is gone: what it counted is written after its last words. */
export const stop = async (bench: Place, which: { build?: string; config?: string } = {}): Promise<void> => {
  const pid: number | undefined = (await ask(bench, { command: 'stats' }, which))?.agent?.pid;
  if (pid === undefined) return;
  await ask(bench, { command: 'stop' }, which);
  await eventually(() => !existsSync(`/proc/${pid}/exe`));
};

/** Polls until `check` holds; false after half a minute. */
export const eventually = async (check: () => boolean | Promise<boolean>): Promise<boolean> => {
  const end = Date.now() + 30_000;
  while (Date.now() < end) {
    if (await check()) return true;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return false;
};

export const createBench = async (t: ExecutionContext<unknown>, build = 'test'): Promise<Bench> => {
  const built = await builtLauncher(build);
  const directory = realpathSync(await temporaryDirectory(t));
  const launcher = join(directory, 'bin', 'wardcc');
  const work = join(directory, 'work');
  mkdirSync(join(directory, 'bin'));
  mkdirSync(work);
  cpSync(built, launcher);
  writeFileSync(join(work, 'a.c'), 'int a;\n');
  const runtime = join(directory, 'run');
  const base: NodeJS.ProcessEnv = { PATH: process.env['PATH'], HOME: directory, WARDCC_RUNTIME_DIR: runtime, WARDCC_FALLBACK: 'never' };
  const bench: Bench = {
    directory,
    work,
    runtime,
    launcher,
    start: (args, { env = {}, cwd = work, script, program = launcher, argv0 } = {}) => {
      const variables = { ...base, ...(script === undefined ? {} : { WARDCC_TEST: JSON.stringify(script) }), ...env };
      return spawn(program, args, { cwd, env: variables, stdio: ['ignore', 'pipe', 'pipe'], ...(argv0 === undefined ? {} : { argv0 }) });
    },
    run: (args, options) => ended(bench.start(args, options)),
    agentArguments: (...args) => {
      const quoted = args.map((word) => `'${word}'`).join(' ');
      const program = join(repository, 'test/client/agent/scripted-agent.ts');
      const command = `exec '${process.execPath}' --disable-sigusr1 '${program}' --build-id '${build}' ${quoted}`;
      writeFileSync(join(directory, 'bin', 'wardcc-agent'), `#!/bin/sh\n${command}\n`);
      chmodSync(join(directory, 'bin', 'wardcc-agent'), 0o755);
    },
  };
  bench.agentArguments();
  t.teardown(() => stop(bench, { build }).catch(() => undefined));
  return bench;
};
