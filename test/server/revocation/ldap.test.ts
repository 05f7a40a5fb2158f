/**
 * A directory as the source of committers of a whole server: who leaves the group is cut off in mid-job, and when the directory is down its
 * last answer counts for the stated time and no longer.
 */
import test, { type ExecutionContext } from 'ava';
import { assertCutOff, busyTimes, changingFarm, until } from '../../fixtures/changing-farm.ts';
import { group, person, reader, startSlapd, suffix, type Slapd } from '../../fixtures/slapd.ts';

const farm = changingFarm(test);
const long = 90;
/** What docs/committers.md states for a directory that is asked every second. */
const statedMs = (10 + 11) * 1000;

/** The policy asks this directory, every second, and nobody else. */
const askDirectory = async (t: ExecutionContext<unknown>, staleSeconds: number): Promise<Slapd> => {
  const slapd = await startSlapd(t, [person('alice'), person('bob'), group('committers', 'alice', 'bob')].join('\n'));
  const before = await farm.policy();
  const source = {
    id: 'corp', kind: 'ldap', url: slapd.ldaps, ca: slapd.ca, bind: { dn: reader.dn, passwordFile: slapd.passwordFile },
    group: `cn=committers,ou=groups,${suffix}`, pollSeconds: 1, staleSeconds,
  };
  const serial = await farm.changePolicy(() => ({ committers: { sources: [source] } }));
  await farm.event(({ event, policy }) => event === 'policy.loaded' && policy?.serial === serial);
  for (const one of ['alice', 'bob']) await farm.forget(one);
  t.teardown(async () => {
    await farm.changePolicy(() => ({ committers: before.committers }));
  });
  return slapd;
};

test.serial('who is taken out of the group in mid-job is cut off, and the log says why; a colleague does not notice', async (t) => {
  const slapd = await askDirectory(t, 600);
  const bob = await farm.compile('bob', 'calm', 5);
  await bob.begun();
  const before = (await farm.events()).length;
  const alice = await farm.compile('alice', 'taken', long);
  const taken = `dn: cn=committers,ou=groups,${suffix}\nchangetype: modify\ndelete: member\nmember: uid=alice,ou=people,${suffix}\n`;
  const stderr = await assertCutOff(t, alice, () => slapd.modify(taken), statedMs);
  const message = 'cert:alice stands for "alice", who is not a committer.';
  t.true(stderr.includes(message), stderr);
  t.is((await alice.ended).status, 113);
  t.like(await farm.event(({ event }) => event === 'access.ended', before), { principal: 'cert:alice', reason: 'access-ended', message });
  t.like(await farm.event(({ event, principal }) => event === 'job.end' && principal === 'cert:alice', before), { reason: 'access-ended', message });
  const changed = await farm.event(({ event }) => event === 'committers.changed', before);
  t.regex(changed.committers ?? '', /^corp@/);
  const { status, stderr: bobSaw } = await bob.ended;
  t.is(status, 0, bobSaw);
});

test.serial('a directory that is down: its last answer counts for the stated time, then nobody may compile; when it is back they may', async (t) => {
  const slapd = await askDirectory(t, 20);
  const before = (await farm.events()).length;
  const alice = await farm.compile('alice', 'stale', long);
  await alice.begun();
  const stopped = performance.now();
  await slapd.stop();
  const failed = await farm.event(({ event }) => event === 'committers.failed', before);
  t.regex(failed.message ?? '', /^The committer source "corp" cannot be read: .*localhost/);
  t.is((await (await farm.compile('bob', 'within', 0)).ended).status, 0, 'within the stated time');
  const { status, stderr } = await alice.ended;
  const took = performance.now() - stopped;
  t.is(status, 113);
  t.true(took >= 18_500 && took <= busyTimes * 20_000, `${took} ms`);
  t.regex(stderr, /could not be read for more than 20 seconds, so it knows nobody/);
  await until('the process tree is dead', () => alice.processes().length === 0 || undefined);
  const bob = await (await farm.compile('bob', 'outside', 0)).ended;
  t.is(bob.status, 113);
  t.regex(bob.stderr, /knows nobody: .*\[(policy-unavailable|access-ended)\]/);

  const since = (await farm.events()).length;
  await slapd.start();
  await farm.event(({ event }) => event === 'committers.changed', since);
  await farm.forget('bob');
  t.is((await (await farm.compile('bob', 'well', 0)).ended).status, 0);
});
