/**
 * The demonstration: a throwaway farm compiles Lua, four people knock at its door, and nothing is left behind. Ends with
 * status 1 when anything is not as the table says it must be.
 *
 * @module
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { farmLayout } from '../../ctl/dev/layout.ts';
import { visit, visitorsOf, type DemoMechanism } from './doors.ts';
import { leftBehind } from './left-behind.ts';
import { buildLua, copyLua, countIdentical, objectDigests } from './lua.ts';
import { environmentAfter, run } from './run.ts';
import { counter, step, table, type Row } from './screen.ts';

const wardctl = fileURLToPath(new URL('../../dist/bin/wardctl', import.meta.url));

interface Stats {
  readonly jobs: Readonly<Record<'remote' | 'hit' | 'local' | 'denied' | 'failed', number>>;
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`;

/** The caller's environment without anything that steers wardcc. */
const clean = (): NodeJS.ProcessEnv => Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('WARDCC_')));

/** What the farm has, in words. */
const equipment: Readonly<Record<DemoMechanism, string>> = {
  cert: 'a CA',
  krb5: 'a Kerberos realm',
  ssh: 'an sshd',
};

const mechanismOf = (args: readonly string[]): DemoMechanism => {
  if (args.length === 0) return 'cert';
  if (args.length === 1 && (args[0] === '--krb5' || args[0] === '--ssh')) return args[0] === '--ssh' ? 'ssh' : 'krb5';
  throw new Error('usage: npm run demo [-- --krb5 | --ssh]');
};

const demonstrate = async (place: string, mechanism: DemoMechanism): Promise<boolean> => {
  const farm = join(place, 'farm');
  const source = join(place, 'lua');
  const rows: Row[] = [];
  const doors: Row[] = [];

  step('1. A plain build of Lua on this machine, to compare with.');
  const files = await copyLua(source);
  const plain = await buildLua(source, 'gcc', clean());
  if (plain.status !== 0) throw new Error(`the plain build failed:\n${plain.stderr}`);
  const expected = await objectDigests(source);

  step(`2. A farm of its own: ${equipment[mechanism]}, a server under another account, a sandbox for each compile.`);
  const up = await run([wardctl, 'dev', 'up', '--dir', farm, ...(mechanism === 'cert' ? [] : [`--${mechanism}`])], { env: clean() });
  if (up.status !== 0) throw new Error(`wardctl dev up failed:\n${up.stderr}`);
  step(`  ${up.stdout.split('\n')[0]}`);
  const environment = await environmentAfter(join(farm, 'env.sh'), clean());

  try {
    step('3. make -j4 CC="wardcc gcc", and no compile may stay at home.');
    const progress = counter(files);
    const built = await buildLua(source, 'wardcc gcc', { ...environment, WARDCC_FALLBACK: 'never' }, progress.count);
    progress.end(built.status === 0 ? `done in ${seconds(built.ms)}` : `make failed:\n${built.stderr}`);
    const counted = async (): Promise<Stats> => JSON.parse((await run(['wardctl', 'stats', '--json'], { env: environment })).stdout || '{"jobs":{}}') as Stats;
    const { jobs } = await counted();
    const identical = countIdentical(expected, await objectDigests(source));
    const lua = await run([join(source, 'lua'), '-e', 'print(_VERSION, 6 * 7)']);
    const again = await buildLua(source, 'wardcc gcc', { ...environment, WARDCC_FALLBACK: 'never' });
    const { hit } = (await counted()).jobs;
    rows.push(
      {
        what: 'compiled on the farm',
        found: `${jobs.remote} of ${files} remote (${jobs.local} local, ${jobs.failed} failed)`,
        good: jobs.remote === files && built.status === 0,
      },
      { what: 'objects', found: `${identical} of ${files} identical to local ones`, good: identical === files && expected.size === files },
      {
        what: 'the program runs',
        found: lua.stdout.trim().replace('\t', ': 6 * 7 = ') || lua.stderr.trim(),
        good: lua.status === 0 && lua.stdout.includes('42'),
      },
      {
        what: 'time',
        found: `${seconds(built.ms)} on the farm, ${seconds(plain.ms)} plain (${(built.ms / plain.ms).toFixed(2)} times; ` +
          'a first build fills the farm\'s store)',
        good: true,
      },
      { what: 'the same again', found: `${hit} of ${files} kept from before, ${seconds(again.ms)} with linking`, good: hit === files && again.status === 0 },
    );

    step('4. Who is let in?');
    const self = await run(['wardctl', 'whoami', '--json'], { env: environment });
    const principal = self.status === 0 ? (JSON.parse(self.stdout) as { principal: string }).principal : self.stderr.trim();
    doors.push({ what: 'you, a committer', found: `let in as ${principal}`, good: self.status === 0 });
    for (const visitor of visitorsOf[mechanism]) {
      const { status, said, asExpected } = await visit(farm, join(place, 'visits'), visitor, environment);
      const found = status === 0 ? 'let in' : `refused with exit status ${status}: ${said}`;
      step(`  ${visitor.who}: ${status === 0 ? 'let in' : 'refused'}`);
      doors.push({ what: visitor.who, found, good: asExpected });
    }
  } finally {
    step('5. The farm goes down.');
    const down = await run([wardctl, 'dev', 'down', '--dir', farm], { env: clean() });
    const left = leftBehind([farm, farmLayout(farm).id]);
    rows.push({
      what: 'left behind after dev down',
      found: left.length === 0 ? 'no process' : left.join('; '),
      good: down.status === 0 && left.length === 0,
    });
  }

  table('What was built', rows);
  table('Who was let in, who was refused', doors);
  return [...rows, ...doors].every(({ good }) => good);
};

const whatNext = `
What to try next
----------------
  export PATH="$PWD/dist/bin:$PATH"
  wardctl dev up --dir /tmp/my-farm && . /tmp/my-farm/env.sh
  make -j4 CC="wardcc gcc" in a project of yours, then wardctl stats, wardctl why FILE
  WARDCC_EXPLAIN=1 wardcc gcc -c file.c        one line a job: where it went and why
  wardctl dev down --dir /tmp/my-farm
  README.md has a five-minute tour.
`;

const place = await mkdtemp(join(tmpdir(), 'wardcc demo '));
try {
  const good = await demonstrate(place, mechanismOf(process.argv.slice(2)));
  process.stdout.write(good ? whatNext : '\nNot everything is as it must be: see FAIL above.\n');
  if (!good) process.exitCode = 1;
} catch (error) {
  process.stderr.write(`wardcc demo: ${(error as Error).message}\n`);
  process.exitCode = 1;
} finally {
  await rm(place, { recursive: true, force: true });
}
