import fc from 'fast-check';
import test from 'ava';
import { isConfirmed, judge } from '../../../client/verify/judge.ts';
import type { LocalRun } from '../../../client/verify/compile-here.ts';

const roles = ['object', 'depfile', 'dwo'] as const;
const outputs = (object?: string, depfile?: string, dwo?: string): Map<number, Buffer> =>
  new Map([object, depfile, dwo].flatMap((text, index) => (text === undefined ? [] : [[index, Buffer.from(text)] as const])));
const run = (...texts: Parameters<typeof outputs>): LocalRun => ({ code: 0, outputs: outputs(...texts) });
const failed: LocalRun = { code: 1, outputs: new Map() };
const killed: LocalRun = { code: undefined, outputs: new Map() };

test('one compile here that gives the same is enough; a dependency file names its object and is not compared', (t) => {
  t.true(isConfirmed(roles, outputs('a', 'x'), run('a', 'y')));
  t.false(isConfirmed(roles, outputs('a'), run('b')));
  t.false(isConfirmed(roles, outputs('a'), run('a', undefined, 'dwo')));
  t.false(isConfirmed(roles, outputs('a'), { ...run('a'), code: 1 }));
});

test('what two compiles here agree on, and a server has otherwise, is a difference', (t) => {
  t.deepEqual(judge(roles, outputs('evil'), [run('a'), run('a')]), { kind: 'differed', outputs: [0] });
  t.deepEqual(judge(roles, outputs('a', 'x', 'evil'), [run('a', 'y', 'd'), run('a', 'z', 'd')]), { kind: 'differed', outputs: [2] });
  t.deepEqual(judge(roles, outputs('a'), [run('a', undefined, 'd'), run('a', undefined, 'd')]), { kind: 'differed', outputs: [2] });
  t.deepEqual(judge(roles, outputs('a'), [failed, failed]), { kind: 'differed', outputs: [0, 2] });
  // One output comes out another each time: the other one still counts.
  t.deepEqual(judge(roles, outputs('evil', undefined, 'd'), [run('a', undefined, 'd1'), run('a', undefined, 'd2')]), { kind: 'differed', outputs: [0] });
});

test('what two compiles here do not agree on is none', (t) => {
  t.deepEqual(judge(roles, outputs('a'), [run('b'), run('c')]), { kind: 'unsteady' });
  t.deepEqual(judge(roles, outputs('a'), [run('b'), failed]), { kind: 'unsteady' });
  t.deepEqual(judge(roles, outputs('a'), [run('b'), run('a')]), { kind: 'agreed' });
  t.deepEqual(judge(roles, outputs('a'), [killed, run('b')]), { kind: 'unknown' });
});

test('property: never a difference in an output on which the compiles here disagree, always in one where they agree against the server', (t) => {
  const text = fc.option(fc.constantFrom('a', 'b', 'c'), { nil: undefined });
  const all = fc.tuple(text, text, text);
  fc.assert(fc.property(all, all, all, (sent, one, two) => {
    const verdict = judge(roles, outputs(...sent), [run(...one), run(...two)]);
    const wrong = [0, 2].filter((index) => one[index] === two[index] && sent[index] !== one[index]);
    return JSON.stringify(verdict.kind === 'differed' ? verdict.outputs : []) === JSON.stringify(wrong);
  }), { numRuns: 1000 });
  t.pass();
});
