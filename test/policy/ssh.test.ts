import test from 'ava';
import { checkPolicyText } from '../../policy/load.ts';
import { compileSsh, mayAssert } from '../../policy/ssh.ts';
import { smallest } from './written.ts';

const ca = `SHA256:${'A'.repeat(43)}`;
const otherCa = `SHA256:${'B'.repeat(43)}`;
const authority = { id: 'people', ca, name: 'key-id' };

/** What is wrong with the `ssh` of a policy, without places. */
const found = (ssh: object): string[] => checkPolicyText(JSON.stringify({ ...smallest, ssh }), 'policy.jsonc').map(({ code, message }) => `${code} ${message}`);

test('authorities, what in a certificate is the name, names and methods are in order', (t) => {
  t.deepEqual(found({}), []);
  t.deepEqual(found({ methods: ['certificate', 'gssapi-with-mic', 'publickey'], authorities: [authority, { ...authority, id: 'other', ca: otherCa, name: 'principal', names: ['{user}@partner.example', 'robot'] }] }), []);
});

const rows: readonly (readonly [what: string, ssh: object, finding: string])[] = [
  ['an unknown method', { methods: ['password'] }, 'WP001 ssh.methods[0] must be one of "certificate", "gssapi-with-mic", "publickey"'],
  ['no method at all', { methods: [] }, 'WP001 ssh.methods must not be empty'],
  ['an authority without a fingerprint of SHA-256', { authorities: [{ ...authority, ca: 'MD5:00' }] }, 'WP001 ssh.authorities[0].ca must be "SHA256:" and 43 characters, as ssh-keygen -l prints it'],
  ['an authority without a name', { authorities: [{ id: 'a', ca }] }, 'WP001 ssh.authorities[0] lacks the key "name"'],
  ['an id that comes twice', { authorities: [authority, { ...authority, ca: otherCa }] }, 'WP002 the id "people" is here for the second time (first at policy.jsonc:1:'],
  ['an authority that comes twice', { authorities: [authority, { ...authority, id: 'again' }] }, 'WP001 this authority is "people" already'],
  ['a name that could be a key', { authorities: [{ ...authority, names: ['SHA256:{name}'] }] }, 'WP001 the name has a colon, as fingerprints of keys have, which no name may look like'],
  ['a name with two parts that touch', { authorities: [{ ...authority, names: ['{a}{b}'] }] }, 'WP001 the name has {a} and {b} with nothing between them'],
  ['a name with a blank', { authorities: [{ ...authority, names: ['{a} b'] }] }, 'WP001 the name must be visible ASCII characters'],
];

for (const [what, ssh, finding] of rows) {
  test(`${what} is said with its place`, (t) => {
    const findings = found(ssh);
    t.is(findings.length, 1, findings.join('\n'));
    t.true(findings[0]!.startsWith(finding), findings[0]);
  });
}

test('an authority asserts plain names unless the policy says more, and never what looks like a key', (t) => {
  const compile = (names?: readonly string[]) => compileSsh({ authorities: [{ id: 'a', ca, name: 'key-id', ...(names === undefined ? {} : { names }) }] }, () => '', (_path, message) => t.fail(message)).authorities[0]!;
  const plain = compile();
  for (const name of ['alice', 'a.b-c_d+e', 'ALICE', '0']) t.true(mayAssert(plain, name), name);
  for (const name of ['', 'alice@CORP', 'alice/admin', 'SHA256:abc', 'a b', 'a\\b', 'ä', 'a\n']) t.false(mayAssert(plain, name), name);
  const partner = compile(['{user}@partner.example', 'robot']);
  for (const name of ['bob@partner.example', 'robot']) t.true(mayAssert(partner, name), name);
  for (const name of ['bob', 'bob@partner.example.evil', 'x/bob@partner.example', 'robot2']) t.false(mayAssert(partner, name), name);
});
