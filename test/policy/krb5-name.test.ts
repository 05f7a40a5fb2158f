import test from 'ava';
import { resolveIdentity } from '../../policy/identity.ts';
import { parsePrincipal } from '../../policy/principal.ts';
import { checkPolicyText } from '../../policy/load.ts';
import { WardError } from '../../protocol/errors.ts';
import { load, smallest } from './written.ts';

const identities = [
  { id: 'corp', mechanism: 'krb5', realms: { 'CORP.EXAMPLE': '{user}', 'PARTNER.EXAMPLE': 'partner-{user}' } },
  { id: 'service', principal: 'krb5:BUILD$@CORP.EXAMPLE', committer: 'robot' },
];

const refused: readonly (readonly [string, string])[] = [
  ['alice@EVIL.EXAMPLE', 'it is of a realm that no identity rule lists'],
  ['alice@corp.example', 'it is of a realm that no identity rule lists'],
  ['alice', 'it is of a realm that no identity rule lists'],
  ['Alice@CORP.EXAMPLE', 'it is no plain name in lower case; only an identity rule that has it literally can stand for it'],
  ['build$@CORP.EXAMPLE.', 'it is of a realm that no identity rule lists'],
  ['alice+x@CORP.EXAMPLE', 'it is no plain name in lower case; only an identity rule that has it literally can stand for it'],
  ['alice\\@CORP.EXAMPLE@EVIL.EXAMPLE', 'it has an escape in its name'],
  ['alice\\@EVIL.EXAMPLE@CORP.EXAMPLE', 'it has an escape in its name'],
  ['alice@EVIL.EXAMPLE@CORP.EXAMPLE', 'it is no plain name in lower case; only an identity rule that has it literally can stand for it'],
];

for (const [name, why] of refused) {
  test(`the Kerberos name ${name} is nobody: ${why}`, async (t) => {
    const policy = await load(t, { identities });
    const error = t.throws(() => resolveIdentity(policy, parsePrincipal(`krb5:${name}`)!), { instanceOf: WardError });
    t.deepEqual([error.code, error.message], ['identity-unknown', `No identity rule maps krb5:${name} to a committer: ${why}.`]);
  });
}

test('a listed realm has its own template, an instance is another name, and a literal may have upper case', async (t) => {
  const policy = await load(t, { identities });
  const of = (name: string): string => resolveIdentity(policy, parsePrincipal(`krb5:${name}`)!).committer;
  t.is(of('alice@CORP.EXAMPLE'), 'alice');
  t.is(of('alice@PARTNER.EXAMPLE'), 'partner-alice');
  t.is(of('BUILD$@CORP.EXAMPLE'), 'robot');
  t.throws(() => of('alice/admin@CORP.EXAMPLE'), { message: 'No identity rule maps krb5:alice/admin@CORP.EXAMPLE to a committer.' });
});

for (const [principal, complaint] of [
  ['krb5:{user}@{realm}', 'the principal must name its realm literally: only listed realms are trusted'],
  ['krb5:{user}', 'the principal names no realm: NAME@REALM'],
  ['krb5:alice\\@CORP.EXAMPLE', 'the principal has an escape, and names with escapes are never let in'],
] as const) {
  test(`an identity rule for ${principal} is refused`, (t) => {
    const policy = { ...smallest, identities: [{ id: 'one', principal, committer: 'x' }] };
    const findings = checkPolicyText(JSON.stringify(policy), 'policy.jsonc');
    t.true(findings.some(({ message }) => message === complaint), JSON.stringify(findings));
  });
}
