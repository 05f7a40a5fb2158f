/**
 * The agent: one process for each user, configuration and file system. It starts when the first launcher finds none, does what is
 * too slow to do in every launcher, and leaves after ten idle minutes.
 *
 * Started with a clean environment, `/` as directory, no descriptors but the lock that its launcher took, and `--disable-sigusr1`:
 * nothing of the build that happened to start it remains.
 *
 * @module
 */
import { parseArgs } from 'node:util';
import { writeFileSync } from 'node:fs';
import { toWardError } from '../../protocol/errors.ts';
import { answerControl } from './control.ts';
import { Decisions } from './explain.ts';
import { runJob } from './job.ts';
import { serveLauncher } from './launcher-server.ts';
import { mirrorSettings, startListener, type Listener } from './listener.ts';
import { buildId, namespaceIdentity, openMeetingPlace, type MeetingPlace } from './place.ts';
import { createServices } from './services.ts';
import { Stats } from './stats.ts';
import type { AgentServices } from './types.ts';

const { values: options } = parseArgs({
  options: {
    /** Milliseconds without a connection after which the agent leaves. */
    'idle-ms': { type: 'string', default: String(10 * 60 * 1000) },
    /** Name of the build that launchers were compiled with. */
    'build-id': { type: 'string' },
  },
});

/** Time between looks at the clock, the socket and the settings. */
const watchMs = 2000;
/** Sessions get this long to say goodbye. */
const farewellMs = 1000;

const sendAnswer = (text: string): Buffer => {
  const body = Buffer.from(text);
  const header = Buffer.alloc(4);
  header.writeUInt32LE(body.length);
  return Buffer.concat([header, body]);
};

/** Leaves when idle, or when the socket isn't ours any more and the last job has ended. */
const watch = (place: MeetingPlace, listener: Listener, services: AgentServices, leave: () => void): NodeJS.Timeout => {
  let mirrored = '';
  const look = (): void => {
    const settings = JSON.stringify(services.farm.settings);
    if (settings !== mirrored && listener.isOurs()) {
      mirrorSettings(place, services.farm.settings);
      mirrored = settings;
    }
    if (listener.connections === 0 && (!listener.isOurs() || listener.idleMs() >= Number(options['idle-ms']))) leave();
  };
  look();
  return setInterval(look, Math.min(watchMs, Number(options['idle-ms'])));
};

const main = async (): Promise<void> => {
  process.umask(0o077);
  process.title = 'wardcc-agent';
  const build = options['build-id'] ?? buildId();
  const place = openMeetingPlace(process.env, build);
  const crash = (thrown: unknown): void => {
    writeFileSync(place.file('log'), `${new Date().toISOString()} ${thrown instanceof Error ? thrown.stack : String(thrown)}\n`, { mode: 0o600 });
    process.exit(1);
  };
  process.on('uncaughtException', crash);

  const services = await createServices(process.env);
  const stats = new Stats();
  const decisions = new Decisions();
  const namespace = namespaceIdentity();
  let watching: NodeJS.Timeout | undefined;
  let listener: Listener | undefined;
  const leave = (): void => {
    clearInterval(watching);
    listener?.close();
    setTimeout(() => process.exit(0), farewellMs);
    void services.farm.close().finally(() => process.exit(0));
  };
  process.on('SIGTERM', leave);
  process.on('SIGINT', leave);

  listener = await startListener(place, {
    launcher: (socket, payload) => void serveLauncher(socket, payload, { runJob, services, stats, decisions, namespace }),
    control: (socket, payload) => {
      let stopping = false;
      void answerControl(payload, { services, stats, decisions, build, stop: () => (stopping = true) }).then((text) =>
        socket.end(sendAnswer(text), () => stopping && leave()),
      );
    },
  });
  if (listener === undefined) process.exit(0);
  watching = watch(place, listener, services, leave);
};

main().catch((thrown: unknown) => {
  process.stderr.write(`wardcc-agent: ${toWardError(thrown).message}\n`);
  process.exit(1);
});
