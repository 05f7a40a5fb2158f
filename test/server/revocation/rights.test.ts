/**
 * Rights that end while somebody compiles, on a real server: two seconds later nothing of the job is left.
 *
 * @module
 */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { assertCutOff, busyTimes, changingFarm, replace, until, type LongJob } from '../../fixtures/changing-farm.ts';

const farm = changingFarm(test);
const long = 90;

/** A job that has begun some seconds before what it lives on ends. On a busy machine it may come too late, and then has more seconds. */
const beginInTime = async (start: (end: Date) => Promise<LongJob>): Promise<{ job: LongJob; end: Date }> => {
  for (let seconds = 8; ; seconds *= 3) {
    const end = new Date(Math.ceil(Date.now() / 1000) * 1000 + seconds * 1000);
    const job = await start(end);
    const begun = await job.begun().then(() => true, (error: unknown) => {
      if (seconds > 100 || Date.now() < end.getTime()) throw error;
      return false;
    });
    if (begun) return { job, end };
  }
};

test.serial('a commit right that is taken in mid-job cuts its person off within 2 s; the log says why; a colleague does not notice', async (t) => {
  const bob = await farm.compile('bob', 'calm', 5);
  await bob.begun();
  const before = (await farm.events()).length;
  const alice = await farm.compile('alice', 'taken', long);
  const stderr = await assertCutOff(t, alice, () => farm.committers((names) => names.filter((name) => name !== 'alice')));
  t.regex(stderr, /cert:alice stands for "alice", who is not a committer\. .*\[access-ended\]/);
  t.is((await alice.ended).status, 113);

  const reason = 'access-ended';
  const ended = await farm.event(({ event }) => event === 'access.ended', before);
  t.like(ended, { principal: 'cert:alice', reason, message: 'cert:alice stands for "alice", who is not a committer.' });
  const job = await farm.event(({ event, principal }) => event === 'job.end' && principal === 'cert:alice', before);
  t.like(job, { reason, message: 'cert:alice stands for "alice", who is not a committer.' });
  const changed = await farm.event(({ event }) => event === 'committers.changed', before);
  t.regex(changed.committers ?? '', /^git-authors@[0-9a-f]{16}$/);

  const { status, stderr: bobSaw } = await bob.ended;
  t.is(status, 0, bobSaw);
  const again = await (await farm.compile('alice', 'again', 0)).ended;
  t.is(again.status, 113);
  t.regex(again.stderr, /\[not-a-committer\]/);
  const seen = (await farm.events()).length;
  await farm.committers((names) => [...names, 'alice']);
  await farm.event(({ event }) => event === 'committers.changed', seen);
});

test.serial('who waits for the same compile gets it, when the one who began it is cut off', async (t) => {
  await farm.addPerson('erin');
  const erin = await farm.compile('erin', 'shared', 5);
  await erin.begun();
  const before = (await farm.events()).length;
  const bob = await farm.compile('bob', 'shared', 5);
  await farm.event(({ event, principal }) => event === 'job.allowed' && principal === 'cert:bob', before);
  await farm.committers((names) => names.filter((name) => name !== 'erin'));
  t.is((await erin.ended).status, 113);
  const { status, stderr } = await bob.ended;
  t.is(status, 0, stderr);
});

test.serial('a policy that denies somebody cuts that person off within 2 s, by the name of the rule', async (t) => {
  const before = (await farm.events()).length;
  const rules = (await farm.policy()).rules;
  const alice = await farm.compile('alice', 'denied', long);
  let serial = 0;
  const stderr = await assertCutOff(t, alice, async () => {
    serial = await farm.changePolicy(() => ({ rules: [{ id: 'not-alice', effect: 'deny', who: ['committer:alice'] }, ...rules] }));
  });
  t.regex(stderr, /The rule "not-alice" denies a connection to cert:alice\. .*\[access-ended\]/);
  t.like(await farm.event(({ event }) => event === 'policy.loaded', before), { policy: { serial } });
  t.like(await farm.event(({ event }) => event === 'access.ended', before), { principal: 'cert:alice', reason: 'access-ended' });
  await farm.changePolicy(() => ({ rules }));
  await farm.event(({ event, policy }) => event === 'policy.loaded' && policy?.serial === serial + 1, before);
  await farm.forget('alice');
  t.is((await (await farm.compile('alice', 'back', 0)).ended).status, 0);
});

test.serial('a certificate that is revoked in mid-job cuts its holder off within 2 s', async (t) => {
  await farm.addPerson('dave');
  const before = (await farm.events()).length;
  const dave = await farm.compile('dave', 'revoked', long);
  const stderr = await assertCutOff(t, dave, async () => {
    const authority = await farm.authority();
    const record = (await authority.list()).find(({ name }) => name === 'dave');
    await authority.revoke(record!.serial, 'keyCompromise');
    await farm.publishCrl();
  });
  t.regex(stderr, /\[certificate-revoked\]/);
  t.like(await farm.event(({ event }) => event === 'access.ended', before), { principal: 'cert:dave', reason: 'certificate-revoked' });
  await farm.event(({ event }) => event === 'tls.changed', before);
  const again = await (await farm.compile('dave', 'later', 0)).ended;
  t.not(again.status, 0);
  t.regex(again.stderr, /\[certificate-revoked\]/);
});

test.serial('a certificate that ends in mid-job ends the session', async (t) => {
  let [name, before] = ['frank', 0];
  const { job: frank, end: notAfter } = await beginInTime(async (end) => {
    name += 'y';
    await farm.addPerson(name, { notAfter: end });
    before = (await farm.events()).length;
    return farm.compile(name, 'short', long);
  });
  const { status, stderr } = await frank.ended;
  const late = Date.now() - notAfter.getTime();
  t.not(status, 0);
  t.true(late >= 0 && late <= busyTimes * 2500, `${late} ms later`);
  await until('the process tree is dead', () => frank.processes().length === 0 || undefined);
  t.regex(stderr, /expired|ended/);
  t.like(await farm.event(({ event, principal }) => event === 'access.ended' && principal === `cert:${name}`, before), { reason: 'credential-expired' });
});

test.serial('a right that ends by time alone ends in mid-job, without any file being changed', async (t) => {
  const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJpTOy7IhyET/iUMO1aiEx+jQd+hKP7x5sqYEMiSYehI';
  const { committers } = await farm.policy();
  let before = 0;
  const { job: alice, end } = await beginInTime(async (moment) => {
    const written = moment.toISOString().replace(/[-:T]/g, '').replace(/\.000Z$/, 'Z');
    await writeFile(join(farm.layout.directory, 'signers'), `alice valid-before="${written}" ${key}\nbob ${key}\n`, { mode: 0o644 });
    const serial = await farm.changePolicy(() => ({ committers: { sources: [{ id: 'signers', kind: 'allowed-signers', file: 'signers' }] } }));
    await farm.event(({ event, policy }) => event === 'policy.loaded' && policy?.serial === serial);
    await farm.forget('alice');
    before = (await farm.events()).length;
    return farm.compile('alice', 'timed', long);
  });
  const { status } = await alice.ended;
  const late = Date.now() - end.getTime();
  t.is(status, 113);
  t.true(late >= -2500 && late <= busyTimes * 2500, `${late} ms later`);
  await until('the process tree is dead', () => alice.processes().length === 0 || undefined);
  t.like(await farm.event(({ event }) => event === 'access.ended', before), { principal: 'cert:alice', reason: 'access-ended' });
  t.is((await (await farm.compile('bob', 'untimed', 0)).ended).status, 0);
  await farm.changePolicy(() => ({ committers }));
  await rm(join(farm.layout.directory, 'signers'));
});

test.serial('a right that is taken out of Subversion\'s authz file cuts its person off within 2 s; a colleague does not notice', async (t) => {
  const { committers } = await farm.policy();
  const authz = (writers: string): string => `[groups]\nwriters = ${writers}\n\n[/]\n* = r\n@writers = rw\n`;
  const file = join(farm.layout.directory, 'authz');
  await writeFile(file, authz('alice, bob'), { mode: 0o644 });
  const source = { id: 'svn', kind: 'subversion', file: 'authz' };
  const serial = await farm.changePolicy(() => ({ committers: { sources: [source] } }));
  await farm.event(({ event, policy }) => event === 'policy.loaded' && policy?.serial === serial);
  await farm.forget('alice');
  const before = (await farm.events()).length;
  const bob = await farm.compile('bob', 'svncalm', 5);
  await bob.begun();
  const alice = await farm.compile('alice', 'svntaken', long);
  const stderr = await assertCutOff(t, alice, () => replace(file, authz('bob')));
  t.regex(stderr, /cert:alice stands for "alice", who is not a committer\. .*\[access-ended\]/);
  t.like(await farm.event(({ event }) => event === 'access.ended', before), { principal: 'cert:alice', reason: 'access-ended' });
  t.regex((await farm.event(({ event }) => event === 'committers.changed', before)).committers ?? '', /^svn@/);
  const { status, stderr: bobSaw } = await bob.ended;
  t.is(status, 0, bobSaw);
  await farm.changePolicy(() => ({ committers }));
  await rm(file);
});

test.serial('a source that cannot be read counts for its stated time, then nobody may compile, and those who do are cut off', async (t) => {
  const { committers } = await farm.policy();
  const source = committers.sources[0]!;
  const serial = await farm.changePolicy(() => ({ committers: { sources: [{ ...source, staleSeconds: 15 }] } }));
  await farm.event(({ event, policy }) => event === 'policy.loaded' && policy?.serial === serial);
  const before = (await farm.events()).length;
  await farm.forget('alice');
  const alice = await farm.compile('alice', 'stale', long);
  await alice.begun();
  const list = await readFile(farm.layout.committers, 'utf8');
  const removed = performance.now();
  await rm(farm.layout.committers);
  const failed = await farm.event(({ event }) => event === 'committers.failed', before);
  t.regex(failed.message ?? '', /The committer source "git-authors" cannot be read: .*committers\.txt: there is no such file/);
  t.is((await (await farm.compile('bob', 'within', 0)).ended).status, 0);
  const { status, stderr } = await alice.ended;
  const took = performance.now() - removed;
  t.is(status, 113);
  t.true(took >= 13_500 && took <= busyTimes * 15_000, `${took} ms`);
  t.regex(stderr, /could not be read for more than 15 seconds, so it knows nobody/);
  await until('the process tree is dead', () => alice.processes().length === 0 || undefined);
  const bob = await (await farm.compile('bob', 'outside', 0)).ended;
  t.not(bob.status, 0);
  t.regex(bob.stderr, /knows nobody: .*\[(policy-unavailable|access-ended)\]/);
  await farm.forget('bob');
  await (await farm.compile('bob', 'refused', 0)).ended;
  t.truthy(await farm.event(({ event, principal, reason }) => event === 'session.denied' && principal?.includes('bob') === true && reason === 'policy-unavailable', before));
  await t.notThrowsAsync(farm.says(/The committer source "git-authors" cannot be read: .* The last good state stays in force\./));
  const since = (await farm.events()).length;
  await replace(farm.layout.committers, list);
  await farm.event(({ event }) => event === 'committers.changed', since);
  await farm.forget('bob');
  t.is((await (await farm.compile('bob', 'well', 0)).ended).status, 0);
});
