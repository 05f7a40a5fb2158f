/**
 * Broken files, on a real server: none replaces a good one, none widens access, each is said in the log and on standard error, and
 * the server goes on.
 *
 * @module
 */
import { chmod, cp, mkdir, readFile, rename, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { initAuthority } from '../../../certs/authority.ts';
import { changingFarm, replace } from '../../fixtures/changing-farm.ts';
import { temporaryDirectory } from '../../fixtures/temporary.ts';

const farm = changingFarm(test, ['--cores', '1']);

/** Bob compiles, mallory does not: as it was before. */
const assertUnchanged = async (t: ExecutionContext, name: string): Promise<void> => {
  const bob = await (await farm.compile('bob', name, 0)).ended;
  t.is(bob.status, 0, bob.stderr);
  const mallory = await (await farm.compile('mallory', name, 0)).ended;
  t.is(mallory.status, 113, mallory.stderr);
};

/** After the change the log has this event with these words, so has standard error, and nothing else has changed. */
const assertRefused = async (t: ExecutionContext, event: string, words: RegExp, change: () => Promise<unknown>): Promise<void> => {
  const before = (await farm.events()).length;
  const said = (await farm.said()).length;
  await change();
  const found = await farm.event((each) => each.event === event, before);
  t.regex(found.message ?? '', words);
  t.regex(await farm.says(words, said), /The last good state stays in force\./);
  await assertUnchanged(t, `x${before}`);
};

/** Puts the policy back, and waits until it is in force again. */
const restore = async (text: string): Promise<void> => {
  const before = (await farm.events()).length;
  await replace(farm.layout.policy, text);
  await farm.event(({ event }) => event === 'policy.loaded', before);
};

/** The next version of the policy, as text. */
const nextPolicy = async (change: object = {}): Promise<string> => {
  const policy = await farm.policy();
  return JSON.stringify({ ...policy, serial: policy.serial + 1, ...change }, undefined, 2);
};

const everybody = { identities: [{ id: 'all', principal: 'cert:{user}', committer: 'bob' }] };

test.serial('a policy that is no JSON, names an unknown key, or has a key twice', async (t) => {
  const good = await readFile(farm.layout.policy, 'utf8');
  await assertRefused(t, 'policy.refused', /policy\.jsonc:1:1: /, () => replace(farm.layout.policy, 'serial: 7\n'));
  await restore(good);
  await assertRefused(t, 'policy.refused', /policy\.jsonc:[0-9]+:[0-9]+: .*"ruls"/, async () => replace(farm.layout.policy, await nextPolicy({ ...everybody, ruls: [] })));
  await restore(good);
  const twice = (await nextPolicy(everybody)).replace('"mechanisms"', '"serial": 9, "mechanisms"');
  await assertRefused(t, 'policy.refused', /the key "serial" is here for the second time/, () => replace(farm.layout.policy, twice));
  await restore(good);
});

test.serial('a policy that is half written, and then whole', async (t) => {
  const policy = await farm.policy();
  const next = JSON.stringify({ ...policy, serial: policy.serial + 1, rules: [{ id: 'not-bob', effect: 'deny', who: ['committer:bob'] }, ...policy.rules] });
  await assertRefused(t, 'policy.refused', /policy\.jsonc:1:[0-9]+: /, () => writeFile(farm.layout.policy, next.slice(0, next.length / 2)));
  const before = (await farm.events()).length;
  await writeFile(farm.layout.policy, next);
  t.like(await farm.event(({ event }) => event === 'policy.loaded', before), { policy: { serial: policy.serial + 1 } });
  t.is((await (await farm.compile('bob', 'denied', 0)).ended).status, 113);
  await restore(JSON.stringify({ ...policy, serial: policy.serial + 2 }));
  await farm.forget('bob');
  await assertUnchanged(t, 'whole');
});

test.serial('a policy that everybody may write, or replace', async (t) => {
  const good = await readFile(farm.layout.policy, 'utf8');
  const next = await nextPolicy(everybody);
  await assertRefused(t, 'policy.refused', /policy\.jsonc: everybody may write this file, so it decides nothing: chmod o-w/, async () => {
    await writeFile(`${farm.layout.policy}.new`, next);
    await chmod(`${farm.layout.policy}.new`, 0o666);
    await rename(`${farm.layout.policy}.new`, farm.layout.policy);
  });
  const open = join(farm.layout.directory, 'open');
  await mkdir(open);
  await chmod(open, 0o777);
  await writeFile(join(open, 'policy.jsonc'), next, { mode: 0o644 });
  await assertRefused(t, 'policy.refused', /everybody may put another file in its place: chmod o-w .*\/open/, async () => {
    await symlink('open/policy.jsonc', `${farm.layout.policy}.new`);
    await rename(`${farm.layout.policy}.new`, farm.layout.policy);
  });
  await restore(good);
});

test.serial('a policy whose serial is lower, or that changed without a higher one', async (t) => {
  const good = await readFile(farm.layout.policy, 'utf8');
  const policy = await farm.policy();
  await assertRefused(t, 'policy.refused', new RegExp(`has serial ${policy.serial - 1}, older than ${policy.serial} which was in force`), () =>
    replace(farm.layout.policy, JSON.stringify({ ...policy, ...everybody, serial: policy.serial - 1 })));
  await assertRefused(t, 'policy.refused', new RegExp(`changed but kept serial ${policy.serial}: raise it`), () =>
    replace(farm.layout.policy, JSON.stringify({ ...policy, ...everybody })));
  await restore(good);
});

test.serial('a policy that is a directory, missing, or larger than any policy', async (t) => {
  const good = await readFile(farm.layout.policy, 'utf8');
  await assertRefused(t, 'policy.refused', /policy\.jsonc: there is no such file/, () => rename(farm.layout.policy, `${farm.layout.policy}.away`));
  await assertRefused(t, 'policy.refused', /policy\.jsonc: this is not a regular file/, () => mkdir(farm.layout.policy));
  await rename(farm.layout.policy, join(farm.layout.directory, 'was-a-directory'));
  await assertRefused(t, 'policy.refused', /policy\.jsonc: the file is larger than 8388608 bytes/, async () => {
    await writeFile(farm.layout.policy, good, { mode: 0o644 });
    await truncate(farm.layout.policy, 20 * 2 ** 20);
  });
  await restore(good);
});

test.serial('a list of committers with a line that is no name, half a character, or that everybody may write', async (t) => {
  const good = await readFile(farm.layout.committers, 'utf8');
  // In one step: at no time does a list lie there that could be taken.
  const replaceBy = async (content: string | Buffer, mode = 0o644): Promise<void> => {
    const next = `${farm.layout.committers}.next`;
    await writeFile(next, content);
    await chmod(next, mode);
    await rename(next, farm.layout.committers);
  };
  await assertRefused(t, 'committers.failed', /committers\.txt:2:1: this line is no name of a committer/, () => replace(farm.layout.committers, 'mallory\nb\u0007\n'));
  await assertRefused(t, 'committers.failed', /committers\.txt: the file is not valid UTF-8 text/, () => replaceBy(Buffer.from('mallory\nJos\xc3', 'latin1')));
  await assertRefused(t, 'committers.failed', /committers\.txt: everybody may write this file/, () => replaceBy(`${good}mallory\n`, 0o666));
  const before = (await farm.events()).length;
  await replace(farm.layout.committers, good);
  await farm.event(({ event }) => event === 'committers.changed', before);
});

/** Clients read the CA's list too; here they keep the one of the beginning, so that only the server has to bear what is wrong. */
const separateClients = async (): Promise<void> => {
  await cp(farm.layout.trust, join(farm.layout.directory, 'client-trust'), { recursive: true });
  for (const person of ['alice', 'bob', 'mallory']) {
    const file = join(farm.layout.people, person, 'client.jsonc');
    await writeFile(file, (await readFile(file, 'utf8')).replaceAll('../../trust/', '../../client-trust/'));
    await farm.forget(person);
  }
};

test.serial('a revocation list that is cut off, of another CA, or older than the one in force', async (t) => {
  await separateClients();
  const crl = join(farm.layout.trust, 'crl.pem');
  const old = await readFile(crl, 'utf8');
  await assertRefused(t, 'tls.refused', /crl\.pem: /, () => writeFile(crl, old.slice(0, old.length / 2)));
  const stranger = await initAuthority(join(await temporaryDirectory(t), 'ca'), { dev: true });
  const strange = await stranger.writeCrl();
  await assertRefused(t, 'tls.refused', /not signed by any CA that is trusted here/, () => replace(crl, strange));
  await new Promise((resolve) => setTimeout(resolve, 1100));
  const before = (await farm.events()).length;
  await farm.publishCrl();
  await farm.event(({ event }) => event === 'tls.changed', before);
  const good = await readFile(crl, 'utf8');
  await assertRefused(t, 'tls.refused', /crl\.pem: this revocation list is older than the one in force/, () => replace(crl, old));
  await replace(crl, good);
});

test.serial('a key that does not belong to the certificate stops no revocation list from coming into force', async (t) => {
  await farm.addPerson('gina');
  t.is((await (await farm.compile('gina', 'first', 0)).ended).status, 0);
  const key = join(farm.layout.server(1), 'key.pem');
  const good = await readFile(key, 'utf8');
  const before = (await farm.events()).length;
  const authority = await farm.authority();
  await authority.revoke((await authority.list()).find(({ name }) => name === 'gina')!.serial, 'keyCompromise');
  const other = await authority.issueServer(['127.0.0.1']);
  await writeFile(key, other.keyPem);
  await farm.publishCrl();
  t.like(await farm.event(({ event }) => event === 'access.ended', before), { principal: 'cert:gina', reason: 'certificate-revoked' });
  t.regex((await farm.event(({ event }) => event === 'tls.refused', before)).message ?? '', /cert\.pem and .*key\.pem cannot be used together/);
  const again = await (await farm.compile('gina', 'second', 0)).ended;
  t.regex(again.stderr, /\[certificate-revoked\]/);
  await farm.forget('gina');
  t.regex((await (await farm.compile('gina', 'third', 0)).ended).stderr, /\[certificate-revoked\]/);
  await writeFile(key, good);
});

test.serial('the log of all that is whole', async (t) => {
  const { status, stdout } = await farm.shared.run(['wardctl', 'audit', 'verify', farm.layout.log], { cwd: farm.shared.place });
  t.is(status, 0, stdout);
});
