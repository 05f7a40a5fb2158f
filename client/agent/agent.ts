/**
 * The agent's life: a place, services, a socket; then it serves until it is idle, told to end, or its socket was taken away.
 *
 * @module
 */
import { writeFileSync } from 'node:fs';
import { toWardError } from '../../protocol/errors.ts';
import { answerControl } from './control.ts';
import { Decisions } from './explain.ts';
import { serveLauncher, type RunJob } from './launcher-server.ts';
import { mirrorSettings, startListener, type Listener } from './listener.ts';
import { namespaceIdentity, openMeetingPlace, type MeetingPlace } from './place.ts';
import { StatsFile } from './stats-file.ts';
import { Stats } from './stats.ts';
import type { BaseServices } from './types.ts';

export interface AgentOptions<S extends BaseServices> {
  /** Name of the build that launchers were compiled with. */
  readonly build: string;
  /** Milliseconds without a connection after which the agent leaves. */
  readonly idleMs: number;
  readonly runJob: RunJob<S>;
  createServices(env: NodeJS.ProcessEnv): Promise<S>;
}

/** Time between looks at the clock, the socket, the settings and the counts. */
const watchMs = 2000;
/** An answer that says goodbye gets this long to be read. */
const lastWordsMs = 20;
/** Sessions get this long to say goodbye. */
const farewellMs = 1000;

const withLength = (text: string): Buffer => {
  const body = Buffer.from(text);
  const header = Buffer.alloc(4);
  header.writeUInt32LE(body.length);
  return Buffer.concat([header, body]);
};

/** There is no terminal to complain to: the last words are in a file beside the socket. */
const recordCrash = (place: MeetingPlace, thrown: unknown): void => {
  const words = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
  writeFileSync(place.file('log'), `${new Date().toISOString()} ${words}\n`, { mode: 0o600 });
};

interface Watched {
  readonly services: BaseServices;
  readonly idleMs: number;
  /** Keeps what was counted. */
  save(): void;
  leave(): void;
}

/** Leaves when idle, or when the socket isn't ours any more and the last job has ended; keeps the mirrored settings and the counts fresh. */
const watch = (place: MeetingPlace, listener: Listener, { services, idleMs, save, leave }: Watched): NodeJS.Timeout => {
  let mirrored = '';
  const look = (): void => {
    const settings = JSON.stringify(services.farm.settings);
    if (settings !== mirrored && listener.isOurs()) {
      mirrorSettings(place, services.farm.settings);
      mirrored = settings;
    }
    save();
    if (listener.connections > 0) return;
    if (!listener.isOurs()) leave();
    else if (listener.idleMs() >= idleMs) void listener.desert().then((isDeserted) => isDeserted && leave());
  };
  look();
  return setInterval(look, Math.min(watchMs, idleMs));
};

/**
 * Node may wait for ever for its worker threads when it exits (nodejs/node#54918). An agent that hangs would keep its lock, and no
 * other could start; so the last exit handler kills it.
 */
const exitForSure = (): never => {
  process.once('exit', () => process.kill(process.pid, 'SIGKILL'));
  return process.exit(0);
};

/** Runs the agent; the process exits from inside. @throws WardError when it can't start at all */
export const runAgent = async <S extends BaseServices>({ build, idleMs, runJob, createServices }: AgentOptions<S>): Promise<void> => {
  process.umask(0o077);
  process.title = 'wardcc-agent';
  const place = openMeetingPlace(process.env, build);
  const fail = (thrown: unknown): void => {
    recordCrash(place, thrown);
    process.stderr.write(`wardcc-agent: ${toWardError(thrown).message}\n`);
    process.exit(1);
  };
  process.on('uncaughtException', fail);

  const services = await createServices(process.env);
  const stats = new Stats();
  const kept = new StatsFile(services.cacheDirectory, place);
  const counted = kept.read();
  if (counted !== undefined) {
    stats.restore(counted);
    services.verification.restore(counted.verify);
  }
  /** An agent whose place another one has taken has no say any more. */
  const save = (): void => {
    if (running.listener?.isOurs() === true) kept.write({ ...stats.save(), verify: services.verification.counts });
  };
  const decisions = new Decisions();
  const namespace = namespaceIdentity();
  const running: { listener?: Listener; watching?: NodeJS.Timeout; hasJobs?: true } = {};
  const leave = (): void => {
    clearInterval(running.watching);
    save();
    running.listener?.close();
    services.warmUp.remember();
    setTimeout(exitForSure, farewellMs);
    void Promise.all([services.farm.close(), services.verification.close(), services.provenance.close()]).finally(exitForSure);
  };
  process.on('SIGTERM', leave);
  process.on('SIGINT', leave);

  const listener = await startListener(place, {
    launcher: (socket, payload) => {
      running.hasJobs = true;
      void serveLauncher(socket, payload, { runJob, services, stats, decisions, namespace });
    },
    control: (socket, payload) => {
      let stopping = false;
      const stop = (): void => {
        stopping = true;
      };
      void answerControl(payload, { services, stats, decisions, build, stop }).then((text) => {
        socket.end(withLength(text));
        if (stopping) setTimeout(leave, lastWordsMs);
      });
    },
  });
  if (listener === undefined) process.exit(0);
  running.listener = listener;
  running.watching = watch(place, listener, { services, idleMs, save, leave });
  void services.warmUp.run(() => running.hasJobs !== true);
};
