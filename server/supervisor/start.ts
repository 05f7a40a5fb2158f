/**
 * Starts the processes of one server in the order in which they need each other: front, keeper, executors. Tokens are made
 * here and used once; the supervisor joins the front itself to announce who is to be let in. Front and keeper are its children, or
 * started by systemd at their sockets; executors are always its children, since it makes their rooms.
 *
 * @module
 */
import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { WardError } from '../../protocol/errors.ts';
import { sshSocket, type ListenAddress, type ServerConfig } from '../config.ts';
import { connectAsChild } from '../ipc/child.ts';
import type { IpcPeer } from '../ipc/peer.ts';
import type { WithdrawnToolchain } from '../toolchains/index-file.ts';
import { accountOf, type Account } from './account.ts';
import type { Accounts } from './accounts.ts';
import { Activated, Child, nodeCommand, type Part } from './child.ts';
import type { PreparedIsolation } from './isolate.ts';
import { serverModule } from './modules.ts';
import { preparePlaces } from './places.ts';
import type { Staged } from './stage.ts';
import { watchStages } from './watch-stages.ts';

/** A machine that has just come up starts everything at once: a front that is slow then is not one that failed. */
const connectWithinMs = 60_000;
const connectPauseMs = 50;
const readyMs = 60_000;
const graceMs = 3_000;
const executorPauseMs = 200;
/** An executor that lived this long was well, and one that does not so often is not going to. */
const wellMs = 10_000;
const mostFailures = 5;

export interface RunningServer {
  readonly listening: readonly ListenAddress[];
  /** Resolves, with what happened, when front or keeper is gone, an executor cannot be kept, or the compilers cannot be checked. */
  readonly failed: Promise<string>;
  stop(): Promise<void>;
}

const token = (): string => randomBytes(32).toString('base64url');

export interface Prepared {
  readonly accounts: Accounts;
  readonly isolation: PreparedIsolation;
  readonly staged: Staged;
  /** Directory of the sockets at which systemd starts front and keeper; undefined: they are children. */
  readonly parts: string | undefined;
}

/** @throws WardError when a process ends before the server accepts connections. */
export async function startServer(config: ServerConfig, { accounts, isolation, staged, parts }: Prepared): Promise<RunningServer> {
  const bridgeUid = config.ssh === undefined ? undefined : (await accountOf(config.ssh.user)).uid;
  const places = preparePlaces(config, accounts, bridgeUid !== undefined && bridgeUid !== process.geteuid?.());
  const { socket: socketPath, spool } = places;
  const uids = [process.getuid?.() ?? 0, accounts.keeper?.uid, ...Array.from({ length: config.slots + config.spares }, (_, slot) => accounts.slot(slot)?.uid)];
  const peers = [...new Set(uids.filter((uid) => uid !== undefined))];

  const supervisorToken = token();
  const begin = (name: 'front' | 'keeper', account: Account | undefined, configuration: object): Part =>
    parts === undefined
      ? new Child({ name, command: nodeCommand(serverModule(`${name}/main`)), configuration, account })
      : new Activated(name, join(parts, `${name}.sock`), configuration);
  const front = begin('front', accounts.front, { config, socketPath, peers, supervisorToken, toolchains: staged.compilers, spool, isolation: isolation.profile, bridgeUid });
  let stopping = false;
  const children = new Set<Part>([front]);
  const checks = new AbortController();
  let checking: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    stopping = true;
    checks.abort();
    await Promise.all([checking, ...[...children].map((child) => child.stop(graceMs))]);
    for (const socket of [socketPath, sshSocket(config)]) rmSync(socket, { force: true });
  };
  const gone = (child: Part): Promise<string> => child.ended.then((how) => `the ${child.name} ended (${how})`);

  const peer = await connectToFront(front, socketPath, supervisorToken);
  const admit = async (role: string): Promise<string> => {
    const secret = token();
    await peer.request({ type: 'expect', role, token: secret });
    return secret;
  };

  const keeper = begin('keeper', accounts.keeper, {
    socketPath, role: 'keeper', token: await admit('keeper'), directory: config.log, state: places.keeper, durability: config.durability, server: config.name,
    farm: config.farm,
  });
  children.add(keeper);

  const hopeless = Promise.withResolvers<string>();
  const keepExecutor = async (slot: number): Promise<void> => {
    for (let failures = 0; !stopping; ) {
      const startedAt = performance.now();
      const role = `executor ${slot}`;
      const directory = places.prepareSlot(slot).room;
      const room = await isolation.prepareSlot(slot, directory, accounts.slot(slot));
      const executor = new Child({
        name: role,
        command: room.command,
        configuration: { socketPath, role, token: await admit(role), directory, group: room.group, profile: isolation.profile },
      });
      children.add(executor);
      const how = await executor.ended;
      children.delete(executor);
      failures = performance.now() - startedAt < wellMs ? failures + 1 : 0;
      if (failures === mostFailures) hopeless.resolve(`the ${role} cannot be started (${how}, ${failures} times in a row)`);
      await pause(executorPauseMs * 2 ** failures);
    }
  };
  for (let slot = 0; slot < config.slots + config.spares; slot++) void keepExecutor(slot).catch((error: Error) => hopeless.resolve(error.message));

  const failed = Promise.race([gone(front), gone(keeper), hopeless.promise]);
  try {
    const listening = await whenListening(peer, failed);
    const withdraw = (toolchains: readonly WithdrawnToolchain[]): void => peer.notify({ type: 'withdraw', toolchains });
    checking = watchStages(config, staged, withdraw, checks.signal).catch((error: Error) => hopeless.resolve(error.message));
    return { listening, failed, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function connectToFront(front: Part, socketPath: string, secret: string): Promise<IpcPeer> {
  let ended: string | undefined;
  void front.ended.then((how) => { ended = how; });
  const until = performance.now() + connectWithinMs;
  for (;;) {
    try {
      return await connectAsChild({ socketPath, role: 'supervisor', token: secret });
    } catch (error) {
      if (ended !== undefined || performance.now() > until) {
        await front.stop(0);
        throw new WardError('internal', `The front did not start (${ended ?? 'no answer'}); its own words stand above.`, { cause: error });
      }
      await pause(connectPauseMs);
    }
  }
}

/** The front says `ready` once log, executors and toolchains are proved and it accepts connections. */
function whenListening(peer: IpcPeer, failed: Promise<string>): Promise<readonly ListenAddress[]> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new WardError('internal', 'The server did not become ready within a minute.')), readyMs);
    peer.onNotify((message: { type: string; listen: ListenAddress[] }) => {
      if (message.type !== 'ready') return;
      clearTimeout(timer);
      resolve(message.listen);
    });
    void failed.then((why) => {
      clearTimeout(timer);
      reject(new WardError('internal', `${why}; its own words stand above.`));
    });
  });
}
