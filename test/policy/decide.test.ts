import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { decide, explain } from '../../policy/decide.ts';
import { parsePrincipal } from '../../policy/principal.ts';
import type { Decision, DecisionRequest, Policy } from '../../policy/types.ts';
import { judge, whoCan } from '../../policy/who-can.ts';
import { load } from './written.ts';

const gcc = '11'.repeat(32);
const clang = '22'.repeat(32);

const ask = (policy: Policy, as: string, more: Partial<DecisionRequest> = {}): Decision =>
  judge(policy, parsePrincipal(as)!, { action: 'compile', project: 'lua', toolchain: gcc, language: 'c', ...more }).decision;

const summary = ({ verdict, code, rule }: Decision) => [verdict, code, rule];

const busy = (t: ExecutionContext) =>
  load(t, {
    groups: { leads: ['committer:alice'], staff: ['group:leads', 'krb5:bob@CORP'] },
    rules: [
      { id: 'no-clang-for-bob', effect: 'deny', who: ['committer:bob'], compilers: [`sha256:${clang}`], because: 'Bob asked for it.' },
      { id: 'never-carol-by-key', effect: 'deny', who: ['committer:carol'], mechanisms: ['ssh'] },
      { id: 'kernel', effect: 'allow', who: ['group:leads'], projects: ['kernel/'], cache: 'none', weight: 3 },
      { id: 'staff', effect: 'allow', who: ['group:staff'], projects: ['lua', 'redis'], languages: ['c', 'c++'], cache: 'own' },
      { id: 'exact', effect: 'allow', who: ['ssh:carol', 'krb5:carol@CORP'], compilers: [`sha256:${gcc}`], domain: 'shared' },
      { id: 'trunk', effect: 'allow', who: ['source:trunk'], projects: ['tools'] },
    ],
  });

test('rules apply by committer, group, source, principal, project, prefix, compiler, language and mechanism', async (t) => {
  const policy = await busy(t);
  const rows: [string, Partial<DecisionRequest>, unknown[]][] = [
    ['krb5:alice@CORP', {}, ['allow', undefined, 'staff']],
    ['krb5:alice@CORP', { language: 'assembler' }, ['deny', 'policy-denied', 'default-deny']],
    ['krb5:alice@CORP', { project: 'kernel/net' }, ['allow', undefined, 'kernel']],
    ['krb5:alice@CORP', { project: 'kernel' }, ['deny', 'policy-denied', 'default-deny']],
    ['krb5:alice@CORP', { project: 'kernelx/net' }, ['deny', 'policy-denied', 'default-deny']],
    ['krb5:bob@CORP', { project: 'kernel/net' }, ['deny', 'policy-denied', 'default-deny']],
    ['krb5:bob@CORP', {}, ['allow', undefined, 'staff']],
    ['krb5:bob@CORP', { toolchain: clang }, ['deny', 'policy-denied', 'no-clang-for-bob']],
    ['ssh:bob', {}, ['deny', 'policy-denied', 'default-deny']],
    ['ssh:bob', { project: 'tools' }, ['allow', undefined, 'trunk']],
    ['krb5:carol@CORP', { project: 'anything/at/all' }, ['allow', undefined, 'exact']],
    ['krb5:carol@CORP', { toolchain: clang }, ['deny', 'policy-denied', 'default-deny']],
    ['ssh:carol', {}, ['deny', 'policy-denied', 'never-carol-by-key']],
    ['krb5:mallory@CORP', { project: 'tools' }, ['deny', 'not-a-committer', 'committers']],
    ['krb5:alice@CORP', { project: '../etc' }, ['deny', 'policy-denied', 'default-deny']],
    ['krb5:alice@CORP', { project: '' }, ['deny', 'policy-denied', 'default-deny']],
    ['krb5:alice@CORP', { optionFindings: [{ code: 'option-refused', option: '-fplugin=x.so' }] }, ['deny', 'option-refused', 'options']],
  ];
  for (const [as, more, expected] of rows) t.deepEqual(summary(ask(policy, as, more)), expected, `${as} ${JSON.stringify(more)}`);
});

test('a decision names rule, position and a sentence', async (t) => {
  const policy = await busy(t);
  const denied = ask(policy, 'krb5:bob@CORP', { toolchain: clang });
  t.is(denied.sentence, 'Bob asked for it.');
  t.is(denied.position, policy.rules[0]!.position);
  t.is(ask(policy, 'ssh:carol').sentence, 'The rule "never-carol-by-key" denies a job for the project "lua" to ssh:carol.');
  const none = ask(policy, 'ssh:bob');
  t.is(none.sentence, 'No rule allows a job for the project "lua" to ssh:bob.');
  t.is(none.position, policy.positions.rules);
  t.is(ask(policy, 'krb5:eve@CORP').sentence, 'krb5:eve@CORP stands for "eve", who is not a committer.');
  t.is(
    ask(policy, 'krb5:alice@CORP', { optionFindings: [{ code: 'option-refused', option: '-x' }] }).sentence,
    'The option -x may not be sent by anybody.',
  );
});

test('a mechanism that the policy does not permit is refused before all else', async (t) => {
  const policy = await load(t, { mechanisms: ['krb5'], rules: [{ id: 'all', effect: 'allow', who: ['*'] }] });
  t.deepEqual(summary(ask(policy, 'ssh:alice')), ['deny', 'mechanism-not-permitted', 'mechanisms']);
});

test('cache domains of different kinds never meet', async (t) => {
  const policy = await busy(t);
  t.like(ask(policy, 'krb5:alice@CORP', { project: 'kernel/net' }), { cache: 'none', domain: 'own:alice', weight: 3 });
  t.like(ask(policy, 'krb5:bob@CORP'), { cache: 'own', domain: 'own:bob' });
  t.like(ask(policy, 'krb5:carol@CORP'), { cache: 'domain', domain: 'domain:shared' });
  t.like(ask(policy, 'ssh:bob', { project: 'tools' }), { cache: 'domain', domain: 'project:tools' });
});

test('who may do nothing may not connect; who may do something may', async (t) => {
  const connect = {
    action: 'connect',
    project: undefined,
    toolchain: undefined,
    language: undefined,
  } as unknown as Partial<DecisionRequest>;
  const policy = await busy(t);
  t.deepEqual(summary(ask(policy, 'krb5:bob@CORP', connect)), ['allow', undefined, 'staff']);
  t.deepEqual(summary(ask(policy, 'ssh:carol', connect)), ['deny', 'policy-denied', 'never-carol-by-key']);
  const narrow = await load(t, { rules: [{ id: 'alice', effect: 'allow', who: ['committer:alice'], projects: ['x'] }] });
  t.deepEqual(summary(ask(narrow, 'ssh:alice', connect)), ['allow', undefined, 'alice']);
  t.deepEqual(summary(ask(narrow, 'ssh:bob', connect)), ['deny', 'policy-denied', 'default-deny']);
});

test('the first deny is named, else the first allow; explain tells it for every rule in order', async (t) => {
  const policy = await busy(t);
  const { request } = judge(policy, parsePrincipal('krb5:bob@CORP')!, {
    action: 'compile',
    project: 'lua',
    toolchain: clang,
    language: 'c',
  });
  t.deepEqual(
    explain(policy, request).map(({ rule, applies, why }) => [rule, applies, why]),
    [
      ['no-clang-for-bob', true, 'every part of it matches'],
      ['never-carol-by-key', false, 'it is about ssh, not krb5'],
      ['kernel', false, 'krb5:bob@CORP (committer bob) is not among those it names'],
      ['staff', true, 'every part of it matches'],
      ['exact', false, 'krb5:bob@CORP (committer bob) is not among those it names'],
      ['trunk', false, 'the project lua is none of tools'],
    ],
  );
});

test('who-can lists everybody that decide allows, as every principal that stands for them', async (t) => {
  const policy = await busy(t);
  const { abilities, complete } = whoCan(policy, { action: 'compile', project: 'lua', toolchain: gcc, language: 'c' });
  t.true(complete);
  t.deepEqual(
    abilities.filter(({ decision }) => decision.verdict === 'allow').map(({ as, decision }) => [as, decision.rule]),
    [
      ['krb5:alice@CORP', 'staff'],
      ['ssh:alice', 'staff'],
      ['krb5:bob@CORP', 'staff'],
      ['krb5:carol@CORP', 'exact'],
    ],
  );
});

test('who-can speaks of any value of a part only for principals that no rule names', async (t) => {
  const policy = await load(t, {
    identities: [{ id: 'robots', principal: 'krb5:robot/{host}@CORP', committer: 'bob' }],
    rules: [
      { id: 'broken', effect: 'deny', who: ['krb5:robot/x@CORP'] },
      { id: 'all', effect: 'allow', who: ['*'] },
    ],
  });
  t.deepEqual(
    whoCan(policy, { action: 'compile' }).abilities.map(({ as, decision }) => [as, decision.verdict]),
    [
      ['krb5:robot/{host}@CORP', 'allow'],
      ['krb5:robot/x@CORP', 'deny'],
    ],
  );
});

// Random small policies over a small world, so that everything meets everything.
const names = ['alice', 'bob', 'eve'];
const who = fc.uniqueArray(
  fc.constantFrom('*', ...names.map((name) => `committer:${name}`), 'ssh:alice', 'krb5:bob@CORP', 'group:g', 'source:trunk'),
  { minLength: 1, maxLength: 3 },
);
const some = <T>(...values: T[]) => fc.option(fc.uniqueArray(fc.constantFrom(...values), { minLength: 1 }), { nil: undefined });
const rule = fc.record({
  effect: fc.constantFrom('allow', 'deny'),
  who,
  projects: some('*', 'a', 'a/', 'b'),
  compilers: some('*', `sha256:${gcc}`),
  mechanisms: some('krb5', 'ssh'),
});
const requests = ['ssh', 'krb5'].flatMap((mechanism) =>
  names.flatMap((name) =>
    ['a', 'a/x', 'b'].flatMap((project) =>
      [gcc, clang].map((toolchain) => ({ as: `${mechanism}:${name}${mechanism === 'krb5' ? '@CORP' : ''}`, project, toolchain })),
    ),
  ),
);

test('default deny, deny overrides, order of allows is the only order: for random policies and every request', async (t) => {
  const strip = (written: object) => JSON.parse(JSON.stringify(written)) as object;
  await fc.assert(
    fc.asyncProperty(fc.array(rule, { maxLength: 5 }), async (written) => {
      const rules = written.map((one, index) => ({ id: `r${index}`, ...strip(one) }));
      const policy = await load(t, { rules, groups: { g: ['committer:bob'] } }, { committers: 'alice\nbob\n' });
      for (const { as, project, toolchain } of requests) {
        const { request, decision } = judge(policy, parsePrincipal(as)!, { action: 'compile', project, toolchain });
        const applying = explain(policy, request).filter(({ applies }) => applies);
        const deny = applying.find(({ effect }) => effect === 'deny');
        if (as.includes('eve')) t.is(decision.code, 'not-a-committer');
        else if (deny !== undefined) t.deepEqual([decision.verdict, decision.rule], ['deny', deny.rule]);
        else
          t.deepEqual(
            [decision.verdict, decision.rule],
            applying[0] === undefined ? ['deny', 'default-deny'] : ['allow', applying[0].rule],
          );
        // Taking an allow away, or adding a deny, never gives anybody anything.
        const without = decide({ ...policy, rules: policy.rules.filter(({ effect }) => effect === 'deny') }, request);
        t.is(without.verdict, 'deny');
      }
    }),
    { numRuns: 60 },
  );
});
