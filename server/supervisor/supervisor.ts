/**
 * The supervisor: the small process that starts the others and does nothing else. It opens no socket to the network, reads
 * nothing a peer sent, and holds the only configuration; each child is told what it needs.
 *
 * An executor that dies is started again alone. When the front or the keeper dies everything is started again, after a
 * pause that grows: half a server is not a state worth having. No toolchain is ever offered that was not hashed for this start.
 *
 * @module
 */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { toWardError, WardError } from '../../protocol/errors.ts';
import type { ServerConfig } from '../config.ts';
import { limitDumps } from '../sandbox/confine.ts';
import { findAccounts } from './accounts.ts';
import { prepareIsolation } from './isolate.ts';
import { preparePlaces } from './places.ts';
import { startServer } from './start.ts';
import { stageToolchains, type Staged } from './stage.ts';

const firstPauseMs = 500;
const longestPauseMs = 30_000;
/** A server that ran this long was well: the next pause is the first one again. */
const wellMs = 60_000;

/**
 * Runs until SIGTERM or SIGINT. Returns the exit status.
 *
 * @param parts directory of the sockets at which systemd starts front and keeper; without it they are children
 * @throws WardError when the server cannot be started at all.
 */
export async function supervise(config: ServerConfig, parts?: string): Promise<number> {
  const stopping = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.once(signal, () => stopping.abort());
  process.title = 'wardccd';
  process.umask(0o077);
  limitDumps();
  const accounts = await findAccounts(config);
  if (parts !== undefined && accounts.front === undefined) throw new WardError('config-invalid', '--parts needs a supervisor that root starts.');
  preparePlaces(config, accounts);
  const ready = join(config.run, 'ready');
  rmSync(ready, { force: true });

  const isolation = await prepareIsolation(config, accounts);
  let staged: Staged | undefined = await stageToolchains(config, stopping.signal);
  let wait = firstPauseMs;
  while (!stopping.signal.aborted) {
    const startedAt = Date.now();
    try {
      const fresh: Staged = staged ?? (await stageToolchains(config, stopping.signal));
      staged = undefined;
      if (stopping.signal.aborted) break;
      const server = await startServer(config, { accounts, isolation, staged: fresh, parts });
      writeFileSync(ready, `${JSON.stringify({ pid: process.pid, listen: server.listening, isolation: isolation.profile })}\n`);
      const why = await Promise.race([server.failed, once(stopping.signal)]);
      rmSync(ready, { force: true });
      await server.stop();
      if (why === undefined) break;
      process.stderr.write(`wardccd: ${why}; starting again\n`);
    } catch (thrown) {
      const error = toWardError(thrown);
      process.stderr.write(`wardccd: ${error.message}\n  ${error.next}\n`);
      if (error.code === 'config-invalid') return 1;
    }
    if (Date.now() - startedAt > wellMs) wait = firstPauseMs;
    await pause(wait, undefined, { signal: stopping.signal }).catch(() => {});
    wait = Math.min(wait * 2, longestPauseMs);
  }
  await isolation.remove();
  return 0;
}

const once = (signal: AbortSignal): Promise<undefined> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    else signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
