/**
 * Revisions that go back, on a real server: they wait for an administrator's word, also after a restart.
 *
 * @module
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { programs } from '../../../ctl/dev/layout.ts';
import { execute } from '../../fixtures/command.ts';
import { changingFarm, replace } from '../../fixtures/changing-farm.ts';
import { cleanEnvironment, dev } from '../../fixtures/farm.ts';

const farm = changingFarm(test, ['--cores', '1']);

const list = (serial: number, ...names: string[]): string => `# Who may commit.  serial: ${serial}\n${names.join('\n')}\n`;

test.serial('a list that goes back to an older serial changes nothing until wardccd accept-revision names that very revision', async (t) => {
  const { committers } = await farm.policy();
  await replace(farm.layout.committers, list(5, 'alice', 'bob'));
  const begin = (await farm.events()).length;
  const serial = await farm.changePolicy(() => ({ committers: { sources: [{ ...committers.sources[0]!, ordered: true }] } }));
  await farm.event(({ policy }) => policy?.serial === serial, begin);
  const before = (await farm.events()).length;
  await replace(farm.layout.committers, list(4, 'alice', 'bob', 'mallory'));
  const failed = await farm.event(({ event }) => event === 'committers.failed', before);
  const [, revision = ''] = /went back from revision 5 to 4\. Is that intended\? Then: wardccd accept-revision --config FILE git-authors ([0-9a-f]{16})$/.exec(failed.message ?? '') ?? [];
  t.not(revision, '');
  await t.notThrowsAsync(farm.says(/went back from revision 5 to 4/));
  t.is((await (await farm.compile('bob', 'kept', 0)).ended).status, 0);
  t.is((await (await farm.compile('mallory', 'waits', 0)).ended).status, 113);

  const accept = (source: string, named: string) => execute(
    [join(programs, 'wardccd'), 'accept-revision', '--config', join(farm.layout.server(1), 'server.jsonc'), source, named], { env: cleanEnvironment() },
  );
  t.is((await accept('git-authors', 'not a name')).status, 1);
  t.is((await accept('git-authors', 'f'.repeat(16))).status, 0);
  const { status, stdout } = await accept('git-authors', revision);
  t.is(status, 0);
  t.is(stdout, `The revision ${revision} of the committer source git-authors is accepted, also if it is older.\n`);
  t.like(await farm.event(({ event }) => event === 'committers.changed', before), { committers: `git-authors@${revision}` });
  await farm.forget('mallory');
  t.is((await (await farm.compile('mallory', 'accepted', 0)).ended).status, 0);

  // The word was for that revision, once.
  const later = (await farm.events()).length;
  await replace(farm.layout.committers, list(3, 'alice'));
  t.regex((await farm.event(({ event }) => event === 'committers.failed', later)).message ?? '', /went back from revision 4 to 3/);
  await replace(farm.layout.committers, list(6, 'alice', 'bob'));
  t.regex((await farm.event(({ event }) => event === 'committers.changed', later)).committers ?? '', /^git-authors@/);
});

test.serial('an ordered list without a serial is an error with its position', async (t) => {
  const before = (await farm.events()).length;
  await replace(farm.layout.committers, 'alice\nmallory\n');
  const { message } = await farm.event(({ event }) => event === 'committers.failed', before);
  t.regex(message ?? '', /committers\.txt:1:1: the policy says that revisions of this file are ordered, but no comment at its top has "serial: NUMBER"/);
  await replace(farm.layout.committers, list(7, 'alice', 'bob'));
  await farm.event(({ event }) => event === 'committers.changed', before);
});

test.serial('a server that starts again knows what it has seen: an older policy or list keeps it from starting', async (t) => {
  const directory = farm.layout.directory;
  const good = await readFile(farm.layout.policy, 'utf8');
  t.is((await dev('down', directory)).status, 0);

  await replace(farm.layout.policy, good.replace(/"serial": [0-9]+/, '"serial": 1'));
  const older = await dev('up', directory, '--cores', '1');
  t.is(older.status, 1);
  t.regex(older.stderr, /The policy on disk has serial 1, older than 2 which was in force\./);

  await replace(farm.layout.policy, good);
  await replace(farm.layout.committers, list(6, 'alice', 'bob', 'mallory'));
  const back = await dev('up', directory, '--cores', '1');
  t.is(back.status, 1);
  t.regex(back.stderr, /The committer source "git-authors" .*went back from revision 7 to 6/);

  await replace(farm.layout.committers, list(8, 'alice', 'bob'));
  const up = await dev('up', directory, '--cores', '1');
  t.is(up.status, 0, up.stderr);
});
