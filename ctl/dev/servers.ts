/**
 * Starts the servers of a throwaway farm, detached from this command, and waits until they accept connections.
 *
 * @module
 */
import { spawn } from 'node:child_process';
import { existsSync, openSync, closeSync } from 'node:fs';
import { chown, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Authority } from '../../certs/authority.ts';
import { WardError } from '../../protocol/errors.ts';
import { serverText, type ServerPlan } from './files.ts';
import { programs, type FarmLayout } from './layout.ts';
import { commandOf, isRunning, recordProcess, sessionOf, type ProcessRecord } from './processes.ts';
import { stagedCommand, stagedPath, stagedProgram, type Account } from './stage.ts';

const outputFile = 'output.txt';
/** Staging three compilers and proving each takes some seconds on a slow disk. */
const readyMs = 120_000;

const readyFile = (layout: FarmLayout, plan: ServerPlan): string => resolve(layout.server(plan.number), plan.run, 'ready');

/** Writes what a server needs: certificate, configuration, and directories it may write to. */
export const prepareServer = async (
  layout: FarmLayout, plan: ServerPlan, { authority, farmKey }: { readonly authority: Authority; readonly farmKey: string }, owner: Account | undefined,
): Promise<void> => {
  const directory = layout.server(plan.number);
  const own = async (path: string): Promise<void> => {
    if (owner !== undefined) await chown(path, owner.uid, owner.gid);
  };
  await mkdir(directory, { recursive: true, mode: 0o755 });
  for (const path of [join(directory, 'state'), resolve(directory, plan.run)]) {
    await mkdir(path, { recursive: true, mode: 0o700 });
    await own(path);
  }
  await rm(readyFile(layout, plan), { force: true });
  await mkdir(layout.log, { recursive: true, mode: 0o700 });
  await own(layout.log);
  if (!existsSync(join(directory, 'key.pem'))) {
    const issued = await authority.issueServer([plan.address]);
    await writeFile(join(directory, 'cert.pem'), issued.chainPem, { mode: 0o644 });
    await writeFile(join(directory, 'key.pem'), issued.keyPem, { mode: 0o600 });
    await own(join(directory, 'key.pem'));
  }
  await writeFile(join(directory, 'server.jsonc'), serverText(plan, farmKey), { mode: 0o644 });
};

/**
 * Starts one server. Its words go to a file beside its configuration; nothing of this command's stdio stays open in it.
 *
 * @param inside a command that enters some place, such as a network namespace, and becomes the one after it
 */
export const startServer = (layout: FarmLayout, plan: ServerPlan, owner: Account | undefined, inside: readonly string[] = []): ProcessRecord => {
  const directory = layout.server(plan.number);
  const configuration = join(directory, 'server.jsonc');
  const program =
    owner === undefined
      ? [join(programs, 'wardccd'), '--config', configuration]
      : stagedCommand(layout, [stagedProgram(layout, 'wardccd'), '--config', stagedPath(layout, configuration)], plan.cgroup?.joins ?? []);
  const command = [...inside, ...program];
  const output = openSync(join(directory, outputFile), 'w', 0o600);
  try {
    const child = spawn(command[0]!, command.slice(1), {
      cwd: '/',
      detached: true,
      stdio: ['ignore', output, output],
      env: { PATH: '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin', LC_ALL: 'C.UTF-8', HOME: '/nonexistent' },
    });
    child.once('error', () => undefined);
    child.unref();
    if (child.pid === undefined) throw new WardError('dev-failed', `${command[0]} could not be started.`);
    return recordProcess(`server ${plan.number}`, child.pid);
  } finally {
    closeSync(output);
  }
};

/** A server that fails is started again by its supervisor; the third time it says the same, there is no point in waiting. */
const sameWordsAtMost = 3;

/** @throws WardError `dev-failed` with the server's own words when it ends, fails again and again, or does not accept within two minutes. */
export const whenReady = async (layout: FarmLayout, plan: ServerPlan, server: ProcessRecord): Promise<void> => {
  const ready = readyFile(layout, plan);
  const deadline = Date.now() + readyMs;
  while (!existsSync(ready)) {
    const said = await linesOf(join(layout.server(plan.number), outputFile));
    const ended = !isRunning(server);
    if (ended || Date.now() > deadline || Math.max(0, ...said.values()) >= sameWordsAtMost) {
      const running = sessionOf(server).map(commandOf).join('; ');
      const words = [...said.keys()].slice(-20).join('\n') || `it said nothing, and runs: ${running}`;
      throw new WardError('dev-failed', `${server.role} ${ended ? 'ended' : 'did not become ready'}:\n${words}`);
    }
    await pause(25);
  }
};

/** What a server said: each line, and how often. */
const linesOf = async (file: string): Promise<Map<string, number>> => {
  const lines = new Map<string, number>();
  for (const line of (await readFile(file, 'utf8').catch(() => '')).split('\n').filter((text) => text.trim() !== '')) lines.set(line, (lines.get(line) ?? 0) + 1);
  return lines;
};
