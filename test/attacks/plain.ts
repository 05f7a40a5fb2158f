/**
 * The proof that an attack is one: it is run by the real compiler with nothing in its way, and its sign must be seen.
 *
 * @module
 */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { layOne, type Place, type Returned } from './place.ts';
import { tightLimits } from './limits.ts';
import { layCarelessly } from './raw-tree.ts';
import type { Case, File, Sign } from './types.ts';

/** What an attack may take here before it is stopped; one that is stopped has exceeded what it was given. */
const prlimit = [
  '/usr/bin/prlimit', `--cpu=${tightLimits.cpuSeconds}`, `--fsize=${tightLimits.fileBytes}`,
  `--as=${tightLimits.memoryBytes * 2}`, '--core=0', '--',
];

export const programOf = ({ attack, compiler }: Case, place: Place): string => (
  attack.program === undefined ? `/usr/bin/${compiler}` : place.fill(attack.program)
);

export const argumentsOf = ({ attack }: Case, place: Place): string[] => attack.argv.map((text) => place.fill(text));

/** Where the shell that started the compiler says it is, where that is said at all. */
export const pwdOf = ({ attack }: Case, place: Place): { pwd?: string } => (
  attack.pwd === undefined ? {} : { pwd: place.fill(attack.pwd) }
);

export const outputsOf = ({ attack }: Case, place: Place): string[] => (attack.outputs ?? ['{WORK}/a.o']).map((text) => place.fill(text));

export const environmentOf = ({ attack }: Case, place: Place): Record<string, string> =>
  Object.fromEntries(Object.entries(attack.env ?? {}).map(([name, value]) => [name, place.fill(value)]));

/** Runs a case as a local compile, and says what was seen. */
export const runPlainly = async (one: Case, place: Place): Promise<Set<Sign>> => {
  const { attack } = one;
  if (attack.proof === 'careless') return believe(one, place);
  const files = place.files(attack);
  place.restore();
  place.lay(files);
  const before = place.snapshot();
  const env = {
    PATH: '/usr/bin:/bin', LC_ALL: 'C', TMPDIR: place.temporary, ...(attack.pwd === undefined ? {} : { PWD: place.fill(attack.pwd) }),
    ...environmentOf(one, place),
  };
  // The environment is for the compiler alone: what it makes the helpers do would prove nothing.
  const command = [
    ...prlimit, '/usr/bin/env', '-i', ...Object.entries(env).map(([name, value]) => `${name}=${value}`), programOf(one, place),
    ...argumentsOf(one, place),
  ];
  const wrapped = attack.proof === 'laid out' ? laidOut(files, place, command) : command;
  const cwd = attack.cwd === undefined ? place.work : place.fill(attack.cwd);
  const ended = await run(wrapped, cwd);
  const asked = outputsOf(one, place);
  const outputs = asked.filter((path) => existsSync(path)).map((path) => readFileSync(path));
  // What lies in the machine's directories is no output; where an attack wrote, that is its sign.
  const signs = place.signs(attack, before, { ...ended, outputs }, asked.filter((path) => path.startsWith(place.work)));
  if (ended.stopped || ended.stdout.length + ended.stderr.length > tightLimits.diagnosticsBytes) signs.add('exceeded');
  if (files.size > tightLimits.inodes) signs.add('exceeded');
  if (ended.code === 0 && outputs.length > 0) signs.add('compiled');
  place.clear();
  place.restore();
  return signs;
};

/** What becomes of a machine whose server believes the tree. */
const believe = ({ attack }: Case, place: Place): Set<Sign> => {
  place.restore();
  place.clear();
  const before = place.snapshot();
  layCarelessly(join(place.directory, 'careless', 'slot'), place.tree(attack));
  const signs = place.signs(attack, before, { stdout: Buffer.alloc(0), stderr: Buffer.alloc(0), outputs: [] });
  place.restore();
  return signs;
};

interface Ended extends Returned {
  /** By a limit of the kernel's or by the clock. */
  readonly stopped: boolean;
  readonly code: number | null;
}

const stopWords = new RegExp([
  'CPU time limit exceeded', 'File size limit exceeded', 'File too large', 'out of memory', 'memory exhausted', 'Cannot allocate memory',
  'Killed', 'bad_alloc',
].join('|'));

const run = (command: readonly string[], cwd: string): Promise<Ended> =>
  new Promise((resolve, reject) => {
    const child = spawn(
      command[0]!, command.slice(1), { cwd, env: { PATH: '/usr/bin:/bin' }, stdio: ['ignore', 'pipe', 'pipe'], detached: true },
    );
    const printed: [Buffer[], Buffer[]] = [[], []];
    let late = false;
    const stop = (): void => {
      late = true;
      try {
        process.kill(-child.pid!, 'SIGKILL');
      } catch {
        // Gone already.
      }
    };
    const timer = setTimeout(stop, tightLimits.wallSeconds * 1000);
    [child.stdout, child.stderr].forEach((stream, index) => stream.on('data', (bytes: Buffer) => {
      printed[index]!.push(bytes);
      if (printed[index]!.reduce((sum, { length }) => sum + length, 0) > 8 * tightLimits.diagnosticsBytes) stop();
    }));
    child.once('error', reject);
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      const [stdout, stderr] = printed.map((chunks) => Buffer.concat(chunks)) as [Buffer, Buffer];
      resolve(
        { stdout, stderr, outputs: [], code, stopped: late || signal !== null || (code !== 0 && stopWords.test(stderr.toString('latin1'))) }
      );
    });
  });

/**
 * The same machine, with the attack's files where they say they belong. Directories of the system that would get another file
 * are replaced by a copy of links to what they have: nothing of the machine itself is touched.
 */
const laidOut = (files: ReadonlyMap<string, File>, place: Place, command: readonly string[]): string[] => {
  const outside = [...files].filter(([path]) => !path.startsWith(`${place.work}/`));
  const staged = join(place.directory, 'laid out');
  rmSync(staged, { recursive: true, force: true });
  const args: string[] = [];
  const covered = new Set<string>();
  for (const [index, [path, file]] of outside.entries()) {
    const source = join(staged, String(index));
    layOne(source, file);
    const directory = dirname(path);
    if (!existsSync(path) && !covered.has(directory)) {
      covered.add(directory);
      args.push(
        '--tmpfs', directory,
        ...readdirSync(directory).flatMap((name) => ['--ro-bind-try', join(directory, name), join(directory, name)]),
      );
    }
    args.push('--ro-bind', source, path);
  }
  return ['/usr/bin/bwrap', '--dev-bind', '/', '/', ...args, '--chdir', place.work, '--', ...command];
};
