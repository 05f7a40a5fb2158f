/**
 * The properties of the sandbox, each proved by trying to break it: a program takes the place of the compiler and does what a hostile job
 * would.
 *
 * @module
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { defaultLimits, type Limits } from '../../policy/types.ts';
import { toWardError } from '../../protocol/errors.ts';
import type { Profile } from '../sandbox/limits.ts';
import { fail, pass, type Finding } from './finding.ts';
import { probeCommand, type Answer, type Room } from './room.ts';

const home = '/wardcc-doctor';
const output = `${home}/output`;

const limits: Limits = {
  ...defaultLimits,
  cpuSeconds: 5,
  // Long: on a busy machine a second of CPU time may take half a minute.
  wallSeconds: 60,
  memoryBytes: 512 << 20,
  processes: 32,
  fileBytes: 16 << 20,
  outputBytes: 32 << 20,
};

type Commands = readonly (readonly string[])[];

export interface SandboxBench {
  readonly room: Room;
  readonly profile: Profile;
}

/** One job that runs the probe. */
const run = ({ room }: SandboxBench, commands: Commands, change: Partial<Limits> = {}, job = 'doctor'): Promise<Answer> =>
  room.run(
    {
      job,
      toolchainRoot: room.probeStage(),
      includeMounts: [],
      argv: probeCommand(commands),
      env: { LC_ALL: 'C' },
      cwd: home,
      umask: 0o022,
      outputs: [output],
      limits: { ...limits, ...change },
    },
    [{ path: home, kind: 'directory' }],
  );

/** What each command answered: `ok` or the name of an error. */
const answers = async (bench: SandboxBench, commands: Commands, change?: Partial<Limits>): Promise<string[]> => {
  const { stdoutText, verdict, sentence } = await run(bench, commands, change);
  if (verdict !== undefined) throw new Error(sentence);
  return commands.map(([name, argument]) => {
    const start = `${name}${argument === undefined ? '' : ` ${argument}`}: `;
    return (
      stdoutText
        .split('\n')
        .find((line) => line.startsWith(start))
        ?.slice(start.length) ?? 'nothing'
    );
  });
};

/** True when every answer is one of those that are accepted. */
const all = (said: readonly string[], ...accepted: string[]): string | undefined => {
  const wrong = said.find((answer) => !accepted.includes(answer));
  return wrong === undefined ? undefined : `a forbidden attempt was answered ${wrong}`;
};

const verdictIs = async (bench: SandboxBench, code: string, commands: Commands, change: Partial<Limits>): Promise<string | undefined> => {
  const { verdict } = await run(bench, commands, change);
  return verdict === code ? undefined : `the job ended with ${verdict ?? 'success'} and not with ${code}`;
};

export interface SandboxProbe {
  readonly name: string;
  readonly says: string;
  readonly remedy: string;
  /** Undefined when the property holds, else what was seen. */
  try(bench: SandboxBench): Promise<string | undefined>;
}

const askSupport = 'A job could break out here: do not run this server, and report this with the version of kernel and bubblewrap.';

export const sandboxProbes: readonly SandboxProbe[] = [
  {
    name: 'sandbox',
    says: 'a job runs as nobody, with no descriptor but its own three',
    remedy: 'See the message; bubblewrap 0.8 or newer is needed, and user namespaces.',
    async try(bench) {
      const { stdoutText, verdict, sentence } = await run(bench, [['identity'], ['descriptors']]);
      if (verdict !== undefined) return sentence;
      if (!stdoutText.includes('uid 65534 gid 65534')) return 'the job does not run as nobody';
      return stdoutText.match(/^fd \d+$/gm)?.join() === 'fd 0,fd 1,fd 2' ? undefined : 'the job has a descriptor that is not its own';
    },
  },
  {
    name: 'seccomp',
    says: 'tracing, namespaces and mounts kill the job; times and shared mappings of files are refused',
    remedy: askSupport,
    async try(bench) {
      for (const deed of ['ptrace', 'unshare', 'mount']) {
        const { status } = await run(bench, [[deed]]);
        if (status.code !== 128 + 31) return `${deed} did not kill the job`;
      }
      return all(await answers(bench, [['clone'], ['settime', home]]), 'EPERM');
    },
  },
  {
    name: 'no network',
    says: 'a socket kills the job',
    remedy: askSupport,
    async try(bench) {
      for (const deed of ['socket', 'unix'])
        if ((await run(bench, [[deed]])).status.code !== 128 + 31) return `a job could make a socket (${deed})`;
      return undefined;
    },
  },
  {
    name: 'noexec',
    says: 'nothing that was sent or made by a job can be executed or mapped as a plug-in',
    remedy: "The slot's file systems must be mounted noexec: is another tool remounting them?",
    async try(bench) {
      const places = [`${home}/tool`, '/.wardcc-tmp/tool'];
      const said = await answers(
        bench,
        places.flatMap((place) => [
          ['copy', '/usr/bin/wardcc-probe', place],
          ['exec', place],
          ['plugin', place],
        ]),
      );
      return all(
        said.filter((_, index) => index % 3 !== 0),
        'EACCES',
        'EPERM',
      );
    },
  },
  {
    name: 'host invisible',
    says: 'a job reads no file of the host and writes only where its outputs go',
    remedy: askSupport,
    async try(bench) {
      const secret = join(bench.room.directory, 'secret');
      writeFileSync(secret, 'secret', { mode: 0o644 });
      const reads = [secret, '/etc/passwd', '/proc/self/environ', '/proc/1/root', '/sys/kernel', bench.room.store].map((path) => [
        'read',
        path,
      ]);
      const writes = ['/a', '/usr/bin/a', '/dev/a'].map((path) => ['put', path, 'x']);
      return all(await answers(bench, reads), 'ENOENT') ?? all(await answers(bench, writes), 'EROFS', 'EACCES');
    },
  },
  {
    name: 'fresh',
    says: 'nothing of one job is there in the next',
    remedy: askSupport,
    async try(bench) {
      await run(bench, [
        ['put', `${home}/left`, 'x'],
        ['put', '/.wardcc-tmp/left', 'x'],
      ]);
      return all(
        await answers(bench, [
          ['read', `${home}/left`],
          ['read', '/.wardcc-tmp/left'],
        ]),
        'ENOENT',
      );
    },
  },
  {
    name: 'memory limit',
    says: 'a job that uses too much memory is ended',
    remedy: 'Check the memory controller of the control group, and that swap is accounted.',
    async try(bench) {
      const bytes = String(1 << 30);
      if (bench.profile === 'strict') return verdictIs(bench, 'memory-limit', [['eat', bytes]], { memoryBytes: 128 << 20 });
      return all(await answers(bench, [['eat', bytes]], { memoryBytes: 128 << 20 }), 'ENOMEM');
    },
  },
  {
    name: 'process limit',
    says: 'a fork bomb is refused its processes',
    remedy: 'Check the pids controller of the control group and the kernel (5.14 or newer counts processes per user namespace).',
    try: async (bench) => all(await answers(bench, [['bomb', '500']], { processes: 20 }), 'EAGAIN'),
  },
  {
    name: 'time limits',
    says: 'a job that uses too much CPU or wall time is ended',
    remedy: askSupport,
    try: async (bench) =>
      (await verdictIs(bench, 'cpu-limit', [['spin']], { cpuSeconds: 1 })) ??
      verdictIs(bench, 'job-timeout', [['wait']], { wallSeconds: 0.2 }),
  },
  {
    name: 'output limits',
    says: 'a job that writes or prints too much is ended',
    remedy: askSupport,
    try: async (bench) =>
      (await verdictIs(bench, 'output-limit', [['fill', output, '4000000']], { fileBytes: 1 << 20 })) ??
      verdictIs(bench, 'output-limit', [['print', '100000']], { diagnosticsBytes: 10_000 }),
  },
  {
    name: 'kill',
    says: 'a killed job leaves no process, whenever it is killed',
    remedy: askSupport,
    async try(bench) {
      for (const delay of [0, 1, 3, 6, 12, 50]) {
        const running = run(bench, [['linger'], ['bomb', '5'], ['wait']], {}, `kill-${delay}`).catch(() => undefined);
        await pause(delay);
        bench.room.kill(`kill-${delay}`);
        await running;
        const left = bench.room.jobProcesses().length;
        if (left > 0) return `${left} processes were left after ${delay} ms`;
      }
      return undefined;
    },
  },
];

/** Tries one property. */
export const trySandbox = async (probe: SandboxProbe, bench: SandboxBench): Promise<Finding> => {
  const seen = await probe.try(bench).catch((thrown) => toWardError(thrown).message);
  return seen === undefined ? pass(probe.name, probe.says) : fail(probe.name, seen, probe.remedy);
};
