/**
 * A farm that takes Kerberos tickets and nothing else, used as a person would use it.
 */
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { getTicket } from '../../ctl/dev/realm.ts';
import { addRe2Tables, buildBothWays, layOut, long, re2Goals, re2Objects } from '../fixtures/builds.ts';
import { until } from '../fixtures/changing-farm.ts';
import { execute } from '../fixtures/command.ts';
import { readEvents } from '../fixtures/decision-log.ts';
import { shareFarm } from '../fixtures/shared-farm.ts';

const shared = shareFarm(test, ['--krb5']);
const caller = userInfo().username;
const timestamp = '[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8} UTC';

const events = () => readEvents(join(shared.farm.directory, 'log'));

/** How often the caller was let in, by the decision log. */
const sessions = (): number => events().filter(({ event, principal }) => event === 'session.allowed' && principal === `krb5:${caller}@WARDCC.TEST`).length;

/** A new ticket for the caller, in the farm's cache or another file. */
const renewTicket = (lifetime?: string, cache = join(shared.farm.directory, 'people', caller, 'ccache')): Promise<void> => {
  const directory = join(shared.farm.directory, 'realm');
  const realm = { name: 'WARDCC.TEST', directory, port: 0, environment: { KRB5_CONFIG: join(directory, 'krb5.conf') } };
  return getTicket(realm, caller, `the password of ${caller}`, cache, lifetime);
};

test.serial('whoami: principal, committer and why, mechanism, end', async (t) => {
  const { stdout, stderr } = await shared.run(['wardctl', 'whoami'], { cwd: shared.place });
  const [principal, committer, because, mechanism] = stdout.split('\n');
  const expected = [`principal  krb5:${caller}@WARDCC.TEST`, `committer  ${caller}`, 'mechanism  krb5'];
  t.deepEqual([principal, committer, mechanism], expected, stderr);
  t.regex(because!, /^because    identity rule "same-name" \(policy\.jsonc:[0-9:]+\); committer by "git-authors"$/);
  const { stdout: json } = await shared.run(['wardctl', 'whoami', '--json'], { cwd: shared.place });
  const answer = JSON.parse(json) as { principal: string; expires: number };
  t.is(answer.principal, `krb5:${caller}@WARDCC.TEST`);
  t.true(answer.expires > Date.now() + 9 * 3600_000 && answer.expires <= Date.now() + 10 * 3600_000);
});

test.serial('lua with make -j4: every object as from a local compile, over one connection', async (t) => {
  const cwd = await layOut('lua', join(shared.place, 'lua'));
  const before = sessions();
  const { counts } = await buildBothWays(t, shared, {
    command: (launcher) => ['make', '-j4', 'linux', `CC=${launcher}gcc`], clean: ['make', 'clean'], cwd, objects: 34,
  });
  t.is(counts.jobs.remote + counts.jobs.hit, 34);
  t.is(sessions(), Math.max(before, 1), 'one context a build, not one a job');
});

test.serial('re2 with make -j4: every object as from a local compile, over the same connection', async (t) => {
  t.timeout(long ? 1_800_000 : 300_000);
  const cwd = await layOut('re2', join(shared.place, 're2'));
  if (long) await addRe2Tables(cwd);
  const before = sessions();
  const { counts } = await buildBothWays(t, shared, {
    command: (launcher) => ['make', '-j4', `CXX=${launcher}g++`, 'CXXFLAGS=-std=c++17 -O2 -MD', ...re2Goals], clean: ['make', 'clean'], cwd, objects: re2Objects,
  });
  t.true(counts.jobs.remote + counts.jobs.hit >= re2Objects);
  t.is(sessions(), before);
});

test.serial('a colleague comes in; who is no committer, whose ticket has ended and who is another instance does not', async (t) => {
  const cwd = await shared.directory('doors');
  await writeFile(join(cwd, 'one.c'), 'int one;\n');
  const as = (person: string) => shared.run(['wardcc', 'gcc', '-c', 'one.c'], { cwd, settings: shared.farm.as(person) });
  t.is((await as('bob')).status, 0);
  const rows: readonly (readonly [string, number, RegExp])[] = [
    ['mallory', 113, /^wardcc: krb5:mallory@WARDCC\.TEST stands for "mallory", who is not a committer\. .*\[not-a-committer\]$/m],
    ['carol', 119, new RegExp(
      `^wardcc: The Kerberos ticket of carol@WARDCC\\.TEST ended at ${timestamp}: run kinit\\. .*\\[credential-expired\\]$`, 'm',
    )],
    ['stranger', 113, /^wardcc: No identity rule maps krb5:alice\/admin@WARDCC\.TEST to a committer\. .*\[identity-unknown\]$/m],
  ];
  for (const [person, status, said] of rows) {
    const ended = await as(person);
    t.is(ended.status, status, person);
    t.regex(ended.stderr, said);
  }
});

test.serial('tickets of half a minute, renewed while make runs: no job is lost, and none is compiled here', async (t) => {
  t.timeout(150_000);
  const cwd = await layOut('lua', join(shared.place, 'renewed'));
  const cache = join(shared.place, 'short-lived');
  // Longer than a busy machine may be late with the next one.
  await renewTicket('30s', cache);
  const renewing = setInterval(() => void renewTicket('30s', cache).catch(() => {}), 3_000);
  t.teardown(() => clearInterval(renewing));
  await shared.counts();
  const before = sessions();
  // Other macros than in the builds before, so that every file is compiled again.
  for (const [turn, options] of ['-DTURN=1', '-DTURN=2 -O1', '-DTURN=3 -O3'].entries()) {
    await shared.run(['make', 'clean'], { cwd });
    const ended = await shared.run(['make', '-j4', 'linux', 'CC=wardcc gcc', `MYCFLAGS=${options}`], {
      cwd, timeoutMs: 120_000, settings: { KRB5CCNAME: `FILE:${cache}` },
    });
    t.is(ended.status, 0, `turn ${turn}: ${ended.stderr}`);
  }
  clearInterval(renewing);
  const { jobs } = await shared.counts();
  t.deepEqual({ ...jobs, remote: 0, hit: 0 }, { remote: 0, hit: 0, local: 0, denied: 0, failed: 0, cancelled: 0 });
  t.is(jobs.remote + jobs.hit, 3 * 34);
  const connections = sessions() - before;
  t.log(`${connections} connections`);
  t.true(connections >= 2, 'the tickets were really renewed');
});

test.serial('a keytab that becomes readable to others is not taken, which the log says; people still come in', async (t) => {
  const keytab = join(shared.farm.directory, 'servers', '1', 'service.keytab');
  const refused = (): boolean => events().some(({ event }) => event === 'keytab.refused');
  t.false(refused());
  await chmod(keytab, 0o644);
  await until('the keytab is refused', refused);
  t.true(refused());
  const cwd = await shared.directory('keytab');
  await writeFile(join(cwd, 'three.c'), 'int three;\n');
  t.is((await shared.run(['wardcc', 'gcc', '-c', 'three.c'], { cwd, settings: shared.farm.as('alice') })).status, 0);
  await chmod(keytab, 0o600);
});

test.serial('after kdestroy: kinit is what is said, and a build goes on here unless that is forbidden', async (t) => {
  const cwd = await shared.directory('without');
  await mkdir(cwd, { recursive: true });
  await writeFile(join(cwd, 'two.c'), 'int two;\n');
  const destroyed = await execute(['kdestroy'], { env: shared.farm.environment });
  t.is(destroyed.status, 0, destroyed.stderr);
  // The agent looks at the cache once a second.
  await until('the agent knows that the ticket is gone', async () => (await shared.run(['wardctl', 'whoami'], { cwd })).status !== 0);
  const never = await shared.run(['wardcc', 'gcc', '-c', 'two.c'], { cwd });
  t.is(never.status, 119, never.stderr);
  t.regex(never.stderr, /^wardcc: There is no Kerberos ticket: run kinit\. .*\[credential-missing\]$/m);
  const here = await shared.run(['wardcc', 'gcc', '-c', 'two.c'], { cwd, settings: { WARDCC_FALLBACK: 'infra' } });
  t.is(here.status, 0, here.stderr);
  await renewTicket();
  t.is((await shared.run(['wardcc', 'gcc', '-c', 'two.c'], { cwd })).status, 0, 'a new ticket is enough');
});
