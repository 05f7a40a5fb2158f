import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { policySchema } from '../../policy/schema.ts';
import { temporaryDirectory } from '../fixtures/temporary.ts';

const main = join(import.meta.dirname, '../../ctl/main.ts');
const examples = join(import.meta.dirname, '../../policy/examples');
const sha256 = (file: string) => createHash('sha256').update(readFileSync(file)).digest('hex');

/** wardctl in a directory of its own, with the example policy in it. */
const bench = async (t: ExecutionContext) => {
  const directory = await temporaryDirectory(t);
  for (const name of ['policy.jsonc', 'committers']) cpSync(join(examples, name), join(directory, name));
  const wardctl = (...args: string[]) =>
    new Promise<{ code: number; out: string }>((resolve) => {
      execFile(process.execPath, [main, ...args], { cwd: directory, env: { PATH: process.env['PATH'] } }, (error, stdout, stderr) =>
        resolve({ code: typeof error?.code === 'number' ? error.code : 0, out: stdout + stderr }),
      );
    });
  const edit = (from: string, to: string) =>
    writeFileSync(join(directory, 'policy.jsonc'), readFileSync(join(directory, 'policy.jsonc'), 'utf8').replace(from, to));
  return { directory, wardctl, edit };
};

/** Where a rule of the example stands. */
const at = (id: string) => {
  const before = readFileSync(join(examples, 'policy.jsonc'), 'utf8').split(`"id": "${id}"`)[0]!.split('\n');
  return `policy.jsonc:${before.length - 1}:5`;
};

test('check: 0 and one line when all is well', async (t) => {
  const { directory, wardctl } = await bench(t);
  t.deepEqual(await wardctl('policy', 'check', 'policy.jsonc'), {
    code: 0,
    out: `policy.jsonc: OK, serial 1, 3 rules, 3 committers, digest ${sha256(join(directory, 'policy.jsonc'))}\n`,
  });
  const { code, out } = await wardctl('policy', 'check', './policy.jsonc', '--json');
  t.is(code, 0);
  t.like(JSON.parse(out), { ok: true, broken: false, file: './policy.jsonc', serial: 1, findings: [] });
});

test('check: 1 for input that is broken, with every position', async (t) => {
  const { wardctl, edit } = await bench(t);
  t.deepEqual(await wardctl('policy', 'check', 'absent.jsonc'), { code: 1, out: 'absent.jsonc:1:1: error[WP000] there is no such file\n' });
  edit('"serial": 1,', '"serial": 0, "serial": 2,');
  t.deepEqual(await wardctl('policy', 'check', 'policy.jsonc'), {
    code: 1,
    out: 'policy.jsonc:7:16: error[WP002] the key "serial" is here for the second time (first at 7:3)\n',
  });
  const { code, out } = await wardctl('policy', 'check', 'policy.jsonc', '--json');
  t.is(code, 1);
  t.like(JSON.parse(out), { ok: false, broken: true, findings: [{ line: 7, column: 16, code: 'WP002', severity: 'error' }] });
});

test('check: 2 for findings; a warning counts only when asked', async (t) => {
  const { wardctl, edit } = await bench(t);
  edit('["group:contractors"]', '["group:contractor"]');
  const undefinedGroup = await wardctl('policy', 'check', 'policy.jsonc');
  t.is(undefinedGroup.code, 2);
  t.regex(
    undefinedGroup.out,
    /^policy\.jsonc:\d+:\d+: error\[WP010\] there is no group "contractor" \(did you mean "contractors"\?\)\n.*: warning\[WP011\] .*\n$/,
  );
  edit('["group:contractor"]', '["committer:carol"]');
  t.is((await wardctl('policy', 'check', 'policy.jsonc')).code, 0);
  t.is((await wardctl('policy', 'check', 'policy.jsonc', '--fail-level', 'warning')).code, 2);
});

test('check: a committer source that cannot be read breaks the policy', async (t) => {
  const { wardctl, edit } = await bench(t);
  edit('"file": "committers"', '"file": "nobody"');
  const { code, out } = await wardctl('policy', 'check', 'policy.jsonc');
  t.is(code, 1);
  t.regex(
    out,
    /^policy\.jsonc:(\d+:\d+): error\[WP043\] .* "trunk" \(policy\.jsonc:\1\) cannot be read: nobody: there is no such file\n$/,
  );
});

test('can-i: 0 yes, 2 no, 1 when it cannot be said', async (t) => {
  const { wardctl } = await bench(t);
  const ask = (...args: string[]) => wardctl('policy', 'can-i', 'compile', '--policy', 'policy.jsonc', ...args);
  t.deepEqual(await ask('--as', 'krb5:alice@CORP.EXAMPLE', '--project', 'lua', '--compiler', `sha256:${'0'.repeat(64)}`), {
    code: 0,
    out: `yes: ${at('everyday')} everyday: The rule "everyday" allows a job for the project "lua" to krb5:alice@CORP.EXAMPLE.\n`,
  });
  t.deepEqual(await ask('--as', 'cert:carol', '--project', 'release/1'), {
    code: 2,
    out: `no: ${at('contractors-no-release')} contractors-no-release: Release builds are made by employees.\n`,
  });
  t.regex(
    (await ask('--as', 'krb5:alice@OTHER')).out,
    /^no: policy\.jsonc:\d+:\d+ identities: No identity rule maps krb5:alice@OTHER to a committer: it is of a realm that no identity rule lists\.\n$/,
  );
  t.is((await ask('--as', 'krb5:alice@OTHER')).code, 2);
  t.is((await ask('--as', 'cert:mallory')).code, 2);
  t.is((await ask('--as', 'alice')).code, 1);
  t.is((await ask('--as', 'cert:alice', '--compiler', 'gcc')).code, 1);
  t.is((await wardctl('policy', 'can-i', 'fly', '--as', 'cert:alice', '--policy', 'policy.jsonc')).code, 1);
  t.is((await wardctl('policy', 'can-i', 'compile', '--as', 'cert:alice', '--policy', 'absent')).code, 1);
  t.is((await wardctl('policy', 'can-i', 'compile', '--policy', 'policy.jsonc')).code, 1);
  const { code, out } = await ask('--as', 'cert:mallory', '--json');
  t.is(code, 2);
  t.like(JSON.parse(out), {
    allowed: false,
    verdict: 'deny',
    code: 'not-a-committer',
    rule: 'committers',
    committer: 'mallory',
    policy: { file: 'policy.jsonc', serial: 1 },
  });
});

test('explain: every rule in order, and the verdict', async (t) => {
  const { wardctl } = await bench(t);
  const { code, out } = await wardctl(
    'policy',
    'explain',
    'compile',
    '--as',
    'ssh:alice',
    '--project',
    'release/1',
    '--policy',
    'policy.jsonc',
  );
  t.is(code, 0);
  t.is(
    out,
    [
      `ssh:alice stands for alice, a committer (trunk@${sha256(join(examples, 'committers')).slice(0, 16)})`,
      `-        deny   contractors-no-release  ${at('contractors-no-release')}  ssh:alice (committer alice) is not among those it names`,
      `-        allow  release-builds          ${at('release-builds')}  it is about krb5, cert, not ssh`,
      `applies  allow  everyday                ${at('everyday')}  every part of it matches`,
      `yes: ${at('everyday')} everyday: The rule "everyday" allows a job for the project "release/1" to ssh:alice.`,
      '',
    ].join('\n'),
  );
  const json = JSON.parse((await wardctl('policy', 'explain', 'connect', '--as', 'cert:alice', '--json', '--policy', 'policy.jsonc')).out);
  t.deepEqual(
    json.rules.map(({ rule, applies }: { rule: string; applies: boolean }) => [rule, applies]),
    [
      ['contractors-no-release', false],
      ['release-builds', true],
      ['everyday', true],
    ],
  );
});

test('who-can: a table of people, or nobody and 2', async (t) => {
  const { wardctl, edit } = await bench(t);
  edit('{ "id": "mail", "principal": "cert:{user}@corp.example", "committer": "{user}" },', '');
  edit('"who": ["*"],', '"who": ["ssh:bob"],');
  t.deepEqual(await wardctl('policy', 'who-can', 'compile', '--project', 'lua', '--policy', 'policy.jsonc'), {
    code: 0,
    out: `bob  ssh:bob  everyday  ${at('everyday')}\n`,
  });
  edit('"who": ["ssh:bob"],', '"who": ["ssh:nobody"],');
  t.deepEqual(await wardctl('policy', 'who-can', 'compile', '--project', 'lua', '--policy', 'policy.jsonc'), { code: 2, out: 'nobody\n' });
  const { out } = await wardctl('policy', 'who-can', 'compile', '--project', 'release/x', '--policy', 'policy.jsonc', '--json');
  t.deepEqual(
    JSON.parse(out).who.map(({ as }: { as: string }) => as),
    ['krb5:alice/admin@CORP.EXAMPLE', 'krb5:alice@CORP.EXAMPLE', 'cert:alice'],
  );
});

test('schema: what editors check by is what the loader checks by', async (t) => {
  const { wardctl } = await bench(t);
  t.deepEqual(JSON.parse((await wardctl('policy', 'schema')).out), policySchema);
});
