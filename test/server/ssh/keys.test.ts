/**
 * Who is behind an SSH login: keys and certificates, through a real sshd.
 *
 * One at a time: each has an sshd of its own.
 *
 * @module
 */
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { parseSshKey, sshFingerprint } from '../../../certs/openssh/key.ts';
import { RevokedKeys } from '../../../certs/openssh/revoked-keys.ts';
import { parseTemplate, type Template } from '../../../policy/template.ts';
import type { SshAuthority } from '../../../policy/ssh.ts';
import { WardError } from '../../../protocol/errors.ts';
import { endlessMs } from '../../../server/front/authenticate-ssh.ts';
import type { Identity } from '../../../server/front/session.ts';
import { makeKeyRing, readLine, type KeyRing } from '../../certs/openssh/keys.ts';
import { openDoor, type SshDoor } from '../../fixtures/ssh-door.ts';
import type { ExecutionContext } from 'ava';

test.serial('a plain key is its fingerprint, for eight hours; what its comment says counts for nothing', async (t) => {
  const door = await openDoor(t);
  const key = readLine(`${door.sshd.key}.pub`);
  writeFileSync(join(door.sshd.directory, 'authorized_keys'), `${key.split(' ').slice(0, 2).join(' ')} root@corp.example\n`);
  const { welcome } = await door.connect();
  t.is(welcome.principal, `ssh:${sshFingerprint(parseSshKey(key).blob)}`);
  t.is(welcome.mechanism, 'ssh');
  t.true(Math.abs(welcome.expires - Date.now() - endlessMs) < 60_000);
});

test.serial('a key that sshd lets in but that was revoked is refused, and a session with it ends', async (t) => {
  const door = await openDoor(t);
  await door.connect();
  const [identity] = door.seen as Identity[];
  t.is(identity!.stillValid(), undefined);
  door.facts.revoked = new RevokedKeys(readFileSync(`${door.sshd.key}.pub`));
  t.like(identity!.stillValid(), { code: 'certificate-revoked', message: 'The SSH key was revoked.' });
  await t.throwsAsync(door.connect(), { instanceOf: WardError, code: 'certificate-revoked' });
});

interface Certified {
  readonly door: SshDoor;
  readonly ring: KeyRing;
  readonly authority: string;
  readonly key: string;
}

const admit = (authority: string, changes: Partial<Omit<SshAuthority, 'names'>> & { names?: readonly string[] } = {}): SshAuthority => ({
  id: 'people',
  position: 'policy.jsonc:4:5',
  ca: sshFingerprint(parseSshKey(readLine(`${authority}.pub`)).blob),
  name: 'key-id',
  ...changes,
  names: (changes.names ?? ['{name}']).map((text) => parseTemplate(text) as Template),
});

/** A door that lets certificates of one authority in, whatever principal they have of a list. */
const openForCertificates = async (t: ExecutionContext<unknown>): Promise<Certified> => {
  const ring = makeKeyRing(t);
  const authority = ring.makeKey('authority');
  const key = ring.makeKey('key');
  const principals = join(ring.directory, 'principals');
  writeFileSync(principals, 'alice\nbob\nwardcc\n');
  const door = await openDoor(t, { lines: [`TrustedUserCAKeys "${authority}.pub"`, `AuthorizedPrincipalsFile "${principals}"`] });
  door.facts.trust = { methods: undefined, authorities: [admit(authority)] };
  return { door, ring, authority, key };
};

test.serial('a certificate is its key id, until it ends', async (t) => {
  const { door, ring, authority, key } = await openForCertificates(t);
  const { certificate } = parseSshKey(ring.certify(authority, key, { id: 'alice', validity: '-1m:+20m' }));
  const { welcome } = await door.connect({ ssh: { ...door.ssh, identity: key } });
  t.is(welcome.principal, 'ssh:alice');
  t.is(welcome.expires, Number(certificate!.validBefore) * 1000);
});

test.serial('a certificate without an end is good for eight hours at a time', async (t) => {
  const { door, ring, authority, key } = await openForCertificates(t);
  ring.certify(authority, key, { validity: 'always:forever' });
  const { welcome } = await door.connect({ ssh: { ...door.ssh, identity: key } });
  t.true(Math.abs(welcome.expires - Date.now() - endlessMs) < 60_000);
});

test.serial('a certificate may be its one principal, the account\'s own name aside', async (t) => {
  const { door, ring, authority, key } = await openForCertificates(t);
  door.facts.trust = { methods: undefined, authorities: [admit(authority, { name: 'principal' })] };
  door.facts.account = 'wardcc';
  ring.certify(authority, key, { id: 'serial 7 of the laptop CA', principals: 'wardcc,bob' });
  t.is((await door.connect({ ssh: { ...door.ssh, identity: key } })).welcome.principal, 'ssh:bob');
  ring.certify(authority, key, { id: 'x', principals: 'alice,bob' });
  await t.throwsAsync(door.connect({ ssh: { ...door.ssh, identity: key } }), { instanceOf: WardError, code: 'name-ambiguous', message: /several principals/ });
  ring.certify(authority, key, { id: 'x', principals: 'wardcc' });
  await t.throwsAsync(door.connect({ ssh: { ...door.ssh, identity: key } }), { code: 'name-ambiguous', message: /no principal but the account/ });
});

test.serial('a certificate of an authority that sshd trusts and the policy does not list is refused', async (t) => {
  const { door, ring, authority, key } = await openForCertificates(t);
  door.facts.trust = { methods: undefined, authorities: [] };
  ring.certify(authority, key);
  await t.throwsAsync(door.connect({ ssh: { ...door.ssh, identity: key } }), {
    instanceOf: WardError, code: 'certificate-invalid', message: /^The policy does not list the authority SHA256:\S+ that signed this SSH certificate\.$/,
  });
});

for (const [what, id] of [
  ['a key', 'SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU'],
  ['a name of a realm', 'alice@CORP.EXAMPLE'],
  ['another account of a person', 'alice/admin'],
  ['a name with a blank', 'alice smith'],
] as const) {
  test.serial(`an authority may not assert what looks like ${what}, unless the policy says so`, async (t) => {
    const { door, ring, authority, key } = await openForCertificates(t);
    ring.certify(authority, key, { id });
    await t.throwsAsync(door.connect({ ssh: { ...door.ssh, identity: key } }), { instanceOf: WardError, code: 'name-not-allowed' });
  });
}

test.serial('an authority asserts the names that the policy says, and no others', async (t) => {
  const { door, ring, authority, key } = await openForCertificates(t);
  door.facts.trust = { methods: undefined, authorities: [admit(authority, { names: ['{user}@partner.example'] })] };
  ring.certify(authority, key, { id: 'alice@partner.example' });
  t.is((await door.connect({ ssh: { ...door.ssh, identity: key } })).welcome.principal, 'ssh:alice@partner.example');
  ring.certify(authority, key, { id: 'alice' });
  await t.throwsAsync(door.connect({ ssh: { ...door.ssh, identity: key } }), {
    code: 'name-not-allowed', message: 'The authority "people" may not assert the name "alice".',
  });
});

test.serial('a certificate that was revoked is refused, and its session ends; so does one whose authority the policy no longer lists', async (t) => {
  const { door, ring, authority, key } = await openForCertificates(t);
  ring.certify(authority, key, { serial: 17 });
  await door.connect({ ssh: { ...door.ssh, identity: key } });
  const [identity] = door.seen as Identity[];
  t.is(identity!.stillValid(), undefined);
  const { trust } = door.facts;
  door.facts.trust = { methods: undefined, authorities: [] };
  t.is(identity!.stillValid()?.code, 'certificate-invalid');
  door.facts.trust = trust;
  door.facts.revoked = new RevokedKeys(readFileSync(ring.makeList('serial: 17\n', authority)));
  t.like(identity!.stillValid(), { code: 'certificate-revoked', message: 'The SSH certificate was revoked.' });
  await t.throwsAsync(door.connect({ ssh: { ...door.ssh, identity: key } }), { code: 'certificate-revoked' });
});

test.serial('an expired certificate does not pass sshd', async (t) => {
  const { door, ring, authority, key } = await openForCertificates(t);
  ring.certify(authority, key, { validity: '-2h:-1h' });
  await t.throwsAsync(door.connect({ ssh: { ...door.ssh, identity: key } }), { code: 'ssh-refused', message: /refuses the login/ });
  t.deepEqual(door.logins, []);
});

test.serial('of several methods one must be said to name the person', async (t) => {
  const { door, ring, authority, key } = await openForCertificates(t);
  const other = ring.makeKey('other');
  appendFileSync(join(door.sshd.directory, 'authorized_keys'), `${readLine(`${other}.pub`)}\n`);
  ring.certify(authority, key, { id: 'alice' });
  const both = [{ method: 'publickey', value: readLine(`${key}-cert.pub`) }, { method: 'publickey', value: readLine(`${other}.pub`) }];
  const { sshAuthenticator } = await import('../../../server/front/authenticate-ssh.ts');
  const ask = (methods: readonly { method: string; value: string }[]): Promise<unknown> =>
    sshAuthenticator({ address: '::1', methods }, { account: 'wardcc', trust: () => door.facts.trust, revoked: () => undefined }).accept(undefined!, undefined!);
  await t.throwsAsync(ask(both), { instanceOf: WardError, code: 'ssh-refused', message: /completed several methods/ });
  const { authorities } = door.facts.trust;
  door.facts.trust = { methods: ['certificate', 'publickey'], authorities };
  t.like(await ask(both), { principal: 'ssh:alice' });
  door.facts.trust = { methods: ['publickey'], authorities };
  t.like(await ask(both), { principal: `ssh:${sshFingerprint(parseSshKey(readLine(`${other}.pub`)).blob)}` });
  await t.throwsAsync(ask([both[1]!, both[1]!]), { code: 'name-ambiguous' });
  door.facts.trust = { methods: ['gssapi-with-mic'], authorities };
  await t.throwsAsync(ask(both), { code: 'ssh-refused', message: 'The login completed publickey and publickey; the policy lets gssapi-with-mic name a person.' });
  door.facts.trust = { methods: undefined, authorities };
  await t.throwsAsync(ask([{ method: 'password', value: '' }]), { code: 'ssh-refused', message: 'sshd let this login in by password, which names nobody.' });
  await t.throwsAsync(ask([]), { code: 'ssh-refused' });
});
