import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test from 'ava';
import { formatFinding } from '../../policy/jsonc.ts';
import { checkPolicyFile, checkPolicyText, loadPolicy } from '../../policy/load.ts';
import { defaultLimits } from '../../policy/types.ts';
import { WardError } from '../../protocol/errors.ts';
import { temporaryDirectory } from '../fixtures/temporary.ts';
import { load, smallest } from './written.ts';

/** One line a part, so that positions can be read off. */
const lines = (parts: object): string =>
  `{\n${Object.entries({ ...smallest, ...parts })
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${JSON.stringify(key)}: ${JSON.stringify(value)}`)
    .join(',\n')}\n}`;

/** The line of a file, from 1, in which a text first stands. */
const lineOf = (file: string, text: string): number =>
  readFileSync(file, 'utf8')
    .split('\n')
    .findIndex((line) => line.includes(text)) + 1;

const allow = { id: 'everyday', effect: 'allow', who: ['*'] };

const rows: readonly (readonly [title: string, parts: object, ...findings: (readonly [at: string, message: string])[]])[] = [
  ['no serial', { serial: undefined }, ['{', 'error[WP001] the file lacks the key "serial"']],
  ['a serial that is no number', { serial: '1' }, ['"1"', 'error[WP001] serial must be a whole number']],
  [
    'a mechanism that does not exist',
    { mechanisms: ['kerberos'] },
    ['"kerberos"', 'error[WP001] mechanisms[0] must be one of "krb5", "cert", "ssh"'],
  ],
  [
    'certificates without an anchor',
    { mechanisms: ['cert'] },
    ['["cert"]', 'error[WP001] certificates are permitted, but no anchor in "anchors" says which names a CA may assert'],
  ],
  [
    'an anchor without names',
    { anchors: [{ id: 'a' }] },
    ['{"id":"a"}', 'error[WP001] the anchor allows no names: it needs "uri", "email" or "upn"'],
  ],
  [
    'a suffix without a boundary',
    { anchors: [{ id: 'a', email: ['corp.example'] }] },
    [
      '"corp.example"',
      'error[WP001] the suffix "corp.example" must begin with "@" (or "." for all subdomains), or it would admit other domains',
    ],
  ],
  [
    'an identity rule of two kinds',
    { identities: [{ id: 'a', principal: 'ssh:a', realms: { X: '{user}' } }] },
    [
      '{"id":"a","principal":"ssh:a"',
      'error[WP001] identities[0] needs either "principal" and "committer", or "mechanism": "krb5" and "realms"',
    ],
  ],
  [
    'a principal without mechanism',
    { identities: [{ id: 'a', principal: 'alice', committer: 'a' }] },
    ['"alice"', 'error[WP001] identities[0].principal must be "krb5:", "cert:" or "ssh:" and a name, possibly with parts such as {user}'],
  ],
  [
    'an open brace',
    { identities: [{ id: 'a', principal: 'ssh:{user', committer: 'a' }] },
    ['"ssh:{user"', 'error[WP001] the principal has a brace that belongs to no part such as {user}'],
  ],
  [
    'a part that comes twice',
    { identities: [{ id: 'a', principal: 'krb5:{u}@{u}', committer: 'a' }] },
    ['"krb5:{u}@{u}"', 'error[WP001] the principal names the part {u} twice'],
  ],
  [
    'two parts that touch',
    { identities: [{ id: 'a', principal: 'krb5:{a}-{b}@X', committer: '{a}' }] },
    ['"krb5:{a}-{b}@X"', 'error[WP001] the principal has {a} and {b} with nothing between them that a part cannot contain, such as @ or /'],
  ],
  [
    'a committer from an unknown part',
    { identities: [{ id: 'a', principal: 'ssh:{u}', committer: '{v}' }] },
    ['"{v}"', 'error[WP001] the committer uses {v}, which the principal does not have'],
  ],
  [
    'a literal that comes twice',
    {
      identities: [
        { id: 'a', principal: 'ssh:x', committer: 'a' },
        { id: 'b', principal: 'ssh:x', committer: 'b' },
      ],
    },
    ['"ssh:x","committer":"b"', 'error[WP013] ssh:x is mapped twice: here and by "a" (policy.jsonc:4:16)'],
  ],
  [
    'two templates for one principal',
    {
      identities: [
        { id: 'a', principal: 'krb5:{u}@X', committer: 'a' },
        { id: 'b', principal: 'krb5:svc-{u}@X', committer: 'b' },
      ],
    },
    [
      '"krb5:svc-{u}@X"',
      'error[WP013] krb5:svc-x@X is matched here and by "a" (policy.jsonc:4:16): a principal must have one committer',
    ],
  ],
  [
    'a realm that overlaps a template',
    {
      identities: [
        { id: 'a', principal: 'krb5:{u}@X', committer: '{u}' },
        { id: 'b', mechanism: 'krb5', realms: { X: '{user}' } },
      ],
    },
    ['"{user}"', 'error[WP013] krb5:x@X is matched here and by "a" (policy.jsonc:4:16): a principal must have one committer'],
  ],
  ['no committer source', { committers: { sources: [] } }, ['[]', 'error[WP001] committers.sources must not be empty']],
  [
    'a source of an unknown kind',
    { committers: { sources: [{ id: 'a', kind: 'magic', file: 'f' }] } },
    ['"magic"', 'error[WP001] committers.sources[0].kind must be one of "list", "subversion", "gitolite", "allowed-signers", "cvs", "ldap"'],
  ],
  [
    'a group that is not there',
    { rules: [{ ...allow, who: ['group:staf'] }], groups: { staff: [] } },
    ['"group:staf"', 'error[WP010] there is no group "staf" (did you mean "staff"?)'],
    ['"staff":[]', 'warning[WP011] the group "staff" is not used'],
  ],
  [
    'a source that is not there',
    { rules: [{ ...allow, who: ['source:trunc'] }] },
    ['"source:trunc"', 'error[WP010] there is no committer source "trunc" (did you mean "trunk"?)'],
  ],
  [
    'a group that contains itself',
    { rules: [{ ...allow, who: ['group:a'] }], groups: { a: ['group:b'], b: ['group:a'] } },
    ['"a":["group:b"]', 'error[WP012] the group "a" contains itself: a > b > a'],
  ],
  [
    'a person written without a kind',
    { rules: [{ ...allow, who: ['alice'] }] },
    [
      '"alice"]',
      'error[WP001] rules[0].who[0] must be "*", "committer:NAME", "group:NAME", "source:ID", "krb5:NAME@REALM", "cert:NAME" or "ssh:NAME"',
    ],
  ],
  ['a principal with a space', { rules: [{ ...allow, who: ['ssh:a b'] }] }, ['"ssh:a b"', 'error[WP001] "ssh:a b" is no principal']],
  [
    'two rules with one id',
    { rules: [allow, allow] },
    [
      '"everyday","effect":"allow","who":["*"]}]',
      'error[WP002] the id "everyday" is here for the second time (first at policy.jsonc:6:17)',
    ],
  ],
  [
    'a reserved id',
    { rules: [{ ...allow, id: 'default-deny' }] },
    ['"default-deny"', 'error[WP001] the id "default-deny" is reserved for decisions that no rule makes'],
  ],
  [
    'an effect that does not exist',
    { rules: [{ ...allow, effect: 'permit' }] },
    ['"permit"', 'error[WP001] rules[0].effect must be one of "allow", "deny"'],
  ],
  [
    'a compiler by name',
    { rules: [{ ...allow, compilers: ['gcc'] }] },
    ['"gcc"', 'error[WP001] rules[0].compilers[0] must be "*" or "sha256:" with 64 lower-case hex digits'],
  ],
  [
    'a pattern in a project',
    { rules: [{ ...allow, projects: ['rel*'] }] },
    ['"rel*"', 'error[WP001] rules[0].projects[0] must be "*", a project name, or a prefix that ends in "/"'],
  ],
  [
    'a mechanism that is not permitted',
    { rules: [{ ...allow, mechanisms: ['cert'] }] },
    ['["cert"]', 'error[WP010] the policy does not permit the mechanism "cert" that this rule names'],
  ],
  [
    'limits that are not there',
    { rules: [{ ...allow, limits: 'bgi' }], limits: { big: {} } },
    ['"bgi"', 'error[WP010] there is no limits profile "bgi" (did you mean "big"?)'],
  ],
  ['a quota that is not there', { defaults: { quota: 'q' } }, ['"q"', 'error[WP010] there is no quota profile "q"']],
  [
    'a limit on a rule that denies',
    { rules: [{ ...allow, effect: 'deny', cache: 'own' }] },
    ['"cache"', 'error[WP001] a rule that denies has no use for "cache"'],
  ],
  [
    'a size that is no size',
    { limits: { big: { memoryBytes: '4GB' } } },
    ['"4GB"', 'error[WP001] limits.big.memoryBytes must be a number of bytes, or text such as "512MiB"'],
  ],
  ['a limit that does not exist', { limits: { big: { memory: 1 } } }, ['"memory":1', 'error[WP001] limits.big has no key "memory"']],
  ['a limit of nothing', { limits: { big: { cpuSeconds: 0 } } }, ['0}', 'error[WP001] limits.big.cpuSeconds must be at least 1']],
];

for (const [title, parts, ...expected] of rows) {
  test(`a policy is refused with its position for ${title}`, (t) => {
    const text = lines(parts);
    const findings = checkPolicyText(text, 'policy.jsonc');
    t.deepEqual(
      findings.map(({ severity, code, message }) => `${severity}[${code}] ${message}`),
      expected.map(([, message]) => message),
    );
    for (const [index, { line, column }] of findings.entries()) {
      const there = text.split('\n')[line - 1]!.slice(column - 1);
      t.true(there.startsWith(expected[index]![0]), `${line}:${column} ${there}`);
    }
  });
}

test('a broken policy is not loaded; the error has code, position and sentence', async (t) => {
  const file = join(await temporaryDirectory(t), 'policy.jsonc');
  writeFileSync(file, lines({ serial: '1' }));
  const error = await t.throwsAsync(loadPolicy(file), { instanceOf: WardError });
  t.deepEqual([error?.code, error?.at, error?.message], ['config-invalid', `${file}:2:11`, `${file}:2:11: serial must be a whole number`]);
});

test('a loaded policy has the digest of its bytes, positions, and its warnings', async (t) => {
  const policy = await load(t, { groups: { idle: ['committer:alice'] } });
  t.is(policy.digest, (await import('node:crypto')).createHash('sha256').update(readFileSync(policy.file)).digest('hex'));
  t.is(policy.rules[0]?.position, `${policy.file}:${lineOf(policy.file, '"everyday"') - 1}:5`);
  t.deepEqual(
    policy.warnings.map(({ code, severity, message }) => [code, severity, message]),
    [['WP011', 'warning', 'the group "idle" is not used']],
  );
});

test('limits: a profile fills in what it leaves out, "default" counts where a rule says nothing, sizes have units', async (t) => {
  const policy = await load(t, {
    limits: { default: { memoryBytes: '2GiB' }, big: { cpuSeconds: 7, fileBytes: '3KiB', outputBytes: 12 } },
    rules: [
      { ...allow, limits: 'big', weight: 2, cache: 'own', domain: 'd' },
      { ...allow, id: 'other' },
    ],
  });
  t.deepEqual(
    policy.rules.map(({ limits }) => limits),
    [
      { ...defaultLimits, cpuSeconds: 7, fileBytes: 3072, outputBytes: 12 },
      { ...defaultLimits, memoryBytes: 2 ** 31 },
    ],
  );
  t.like(policy.rules[0], { weight: 2, cache: 'own', domain: 'd' });
  t.like(policy.rules[1], { weight: 1, cache: 'domain', domain: undefined });
});

test('a committer source that cannot be read is said with its place in the policy, and nothing is loaded', async (t) => {
  const policy = await load(t);
  const list = join(dirname(policy.file), 'committers');
  rmSync(list);
  const error = await t.throwsAsync(loadPolicy(policy.file), { instanceOf: WardError });
  const place = `${lineOf(policy.file, '"trunk"') - 1}:7`;
  const sentence = `The committer source "trunk" (${policy.file}:${place}) cannot be read: ${list}: there is no such file`;
  t.deepEqual([error?.code, error?.at, error?.message], ['policy-unavailable', `${policy.file}:${place}`, sentence]);
  const checked = await checkPolicyFile(policy.file);
  t.true(checked.broken);
  t.deepEqual(checked.findings.map(formatFinding), [`${policy.file}:${place}: error[WP043] ${sentence}`]);
});

test('the examples are in order', async (t) => {
  const { findings, policy } = await checkPolicyFile(join(import.meta.dirname, '../../policy/examples/policy.jsonc'));
  t.deepEqual(findings, []);
  t.deepEqual(policy?.committers.names, ['alice', 'bob', 'carol']);
});
