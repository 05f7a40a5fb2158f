import test from 'ava';
import fc from 'fast-check';
import { principalsOf, resolveIdentity } from '../../policy/identity.ts';
import { parsePrincipal, principalOf } from '../../policy/principal.ts';
import { fillTemplate, findAmbiguity, findOverlap, matchTemplate, parseTemplate, type Template } from '../../policy/template.ts';
import { WardError } from '../../protocol/errors.ts';
import { load } from './written.ts';

const identities = [
  { id: 'admin', principal: 'krb5:alice/admin@CORP', committer: 'root' },
  { id: 'asmith', principal: 'krb5:alice@CORP', committer: 'asmith' },
  { id: 'realms', mechanism: 'krb5', realms: { CORP: '{user}', 'PARTNER.EXAMPLE': '{user}.partner' } },
  { id: 'hosts', principal: 'krb5:build/{host}@CORP', committer: 'robot' },
  { id: 'mail', principal: 'cert:{user}@corp.example', committer: '{user}' },
  { id: 'swap', principal: 'ssh:{first}:{last}', committer: '{last}, {first}' },
];

const rows: readonly (readonly [principal: string, committer: string | undefined, rule?: string])[] = [
  ['krb5:bob@CORP', 'bob', 'realms'],
  ['krb5:bob@PARTNER.EXAMPLE', 'bob.partner', 'realms'],
  ['krb5:bob@partner.example', undefined],
  ['krb5:bob@CORP.EXAMPLE', undefined],
  ['krb5:bob', undefined],
  ['krb5:@CORP', undefined],
  ['krb5:alice@CORP', 'asmith', 'asmith'],
  ['krb5:alice/admin@CORP', 'root', 'admin'],
  ['krb5:bob/admin@CORP', undefined],
  ['krb5:build/host1.corp@CORP', 'robot', 'hosts'],
  ['krb5:build/@CORP', undefined],
  ['krb5:bob\\@CORP', undefined],
  ['krb5:eve\\@CORP@PARTNER.EXAMPLE', undefined],
  ['krb5:bob@CORP@CORP', undefined],
  ['cert:bob@CORP', undefined],
  ['cert:bob@corp.example', 'bob', 'mail'],
  ['cert:bob@evil@corp.example', undefined],
  ['cert:bob@corp.example.evil', undefined],
  ['ssh:Alice:Smith', 'Smith, Alice', 'swap'],
  ['ssh:bob', undefined],
];

test('a principal has the committer that one rule gives it, or none', async (t) => {
  const policy = await load(t, { identities });
  for (const [text, committer, rule] of rows) {
    const principal = parsePrincipal(text)!;
    if (committer === undefined) {
      const error = t.throws(() => resolveIdentity(policy, principal), { instanceOf: WardError }, text);
      t.deepEqual(
        [error.code, error.message.replace(/: it [^:]+\.$/, '.'), error.at],
        ['identity-unknown', `No identity rule maps ${text} to a committer.`, policy.positions.identities],
      );
    } else {
      t.like(resolveIdentity(policy, principal), { committer, rule: rule! }, text);
    }
  }
});

test('a name that is empty, too long or not visible ASCII is no principal', (t) => {
  for (const name of ['', 'a b', 'a\n', 'a\0b', 'ä', 'x'.repeat(257)]) {
    t.is(parsePrincipal(`ssh:${name}`), undefined);
    const error = t.throws(() => principalOf('ssh', name), { instanceOf: WardError });
    t.deepEqual(
      [error.code, error.message],
      ['identity-unknown', 'A ssh name that is empty, too long or not plain ASCII cannot be a principal.'],
    );
  }
  t.is(parsePrincipal('ldap:alice'), undefined);
  t.is(parsePrincipal('alice'), undefined);
  t.deepEqual(parsePrincipal('ssh:a:b'), { mechanism: 'ssh', name: 'a:b' });
});

test('principals of a committer are the ones that resolve to it', async (t) => {
  const policy = await load(t, { identities });
  const of = (committer: string) => principalsOf(policy.identities, committer).map(({ mechanism, text }) => `${mechanism}:${text}`);
  t.deepEqual(of('bob'), ['krb5:bob@CORP', 'cert:bob@corp.example']);
  t.deepEqual(of('alice'), ['cert:alice@corp.example'], 'krb5:alice@CORP is somebody else');
  t.deepEqual(of('asmith'), ['krb5:alice@CORP', 'krb5:asmith@CORP', 'cert:asmith@corp.example']);
  t.deepEqual(
    of('robot'),
    ['krb5:build/{host}@CORP', 'krb5:robot@CORP', 'cert:robot@corp.example'].sort(
      (a, b) => of('robot').indexOf(a) - of('robot').indexOf(b),
    ),
  );
  t.deepEqual(of('Smith, Alice'), ['ssh:Alice:Smith']);
});

const literal = fc.string({ unit: fc.constantFrom('a', 'b', '-', '@', '/'), minLength: 1, maxLength: 3 });
const template = fc
  .array(fc.oneof(literal, fc.constant('{}')), { minLength: 1, maxLength: 4 })
  .map((pieces) => {
    let part = 0;
    return parseTemplate(pieces.map((piece) => (piece === '{}' ? `{p${part++}}` : piece)).join('')) as Template;
  })
  .filter((parsed) => findAmbiguity(parsed) === undefined);
const text = fc.string({ unit: fc.constantFrom('a', 'b', '-', '@', '/'), maxLength: 7 });

test('what a template matches it gives back when filled in', (t) => {
  fc.assert(
    fc.property(
      template,
      fc.array(fc.string({ unit: fc.constantFrom('a', 'b', '-', '.'), minLength: 1, maxLength: 3 }), { minLength: 4, maxLength: 4 }),
      (parsed, values) => {
        const given = new Map(parsed.parts.map((part, index) => [part, values[index]!]));
        const filled = fillTemplate(parsed, given);
        t.deepEqual(matchTemplate(parsed, filled), given, `${parsed.text} ${filled}`);
      },
    ),
    { numRuns: 2000 },
  );
});

test('a template matches as the regular expression that it stands for', (t) => {
  fc.assert(
    fc.property(template, text, (parsed, tried) => {
      const expression = new RegExp(
        `^${parsed.pieces.map((piece) => ('literal' in piece ? piece.literal.replaceAll(/[/.]/g, '\\$&') : '[A-Za-z0-9._+-]+')).join('')}$`,
      );
      return (matchTemplate(parsed, tried) !== undefined) === expression.test(tried);
    }),
    { numRuns: 5000 },
  );
  t.pass();
});

test('an overlap is found exactly where some text matches both, and the witness does', (t) => {
  fc.assert(
    fc.property(template, template, fc.array(text, { minLength: 5, maxLength: 5 }), (first, second, tried) => {
      const witness = findOverlap(first, second);
      if (witness === undefined)
        return tried.every((one) => matchTemplate(first, one) === undefined || matchTemplate(second, one) === undefined);
      return matchTemplate(first, witness) !== undefined && matchTemplate(second, witness) !== undefined;
    }),
    { numRuns: 3000 },
  );
  t.pass();
});
