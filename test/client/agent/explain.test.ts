import test from 'ava';
import { Decisions, explainCause, explainLine, objectsOf, sourceOf, wantsExplanation } from '../../../client/agent/explain.ts';
import { fallbackFor, outcomeOfError } from '../../../client/agent/fallback.ts';
import type { LauncherRequest } from '../../../client/agent/types.ts';
import { errorTable, WardError } from '../../../protocol/errors.ts';

const request = (argv: string[], env: Record<string, string> = {}): LauncherRequest => ({
  argv, compiler: '/usr/bin/gcc', cwd: '/src', umask: 0o22, env, terminal: { isTerminal: false, columns: 0, inputColumns: 0 }, pid: 1,
  namespace: '', begunMs: 0, isUtf8: true,
});

test('a job is named by its source', (t) => {
  t.is(sourceOf(request(['gcc', '-c', '-o', 'x.o', 'lib/x.c'])), '/src/lib/x.c');
  t.is(sourceOf(request(['g++', '-c', '/abs/y.cpp'])), '/abs/y.cpp');
  t.is(sourceOf(request(['gcc', '-c', '@list'])), undefined);
});

test('what a local compile leaves is named as far as its arguments show', (t) => {
  t.deepEqual(objectsOf(request(['gcc', '-c', '-o', 'x.o', 'lib/x.c'])), ['/src/x.o']);
  t.deepEqual(objectsOf(request(['gcc', '-ox.o', '-c', 'lib/x.c'])), ['/src/x.o']);
  t.deepEqual(objectsOf(request(['gcc', '-c', 'lib/x.c', '/abs/y.cc'])), ['/src/x.o', '/src/y.o']);
  t.deepEqual(objectsOf(request(['gcc', '-S', 'lib/x.c'])), ['/src/x.s']);
  t.deepEqual(objectsOf(request(['gcc', 'x.c', '-o', 'x'])), []);
});

test('WARDCC_EXPLAIN asks, unless it is empty or 0', (t) => {
  t.true(wantsExplanation(request(['gcc'], { WARDCC_EXPLAIN: '1' })));
  for (const value of ['', '0']) t.false(wantsExplanation(request(['gcc'], { WARDCC_EXPLAIN: value })));
  t.false(wantsExplanation(request(['gcc'])));
});

test('the line says how, what, where, why and the time', (t) => {
  const job = request(['gcc', '-c', 'x.c']);
  t.is(explainLine(job, { how: 'remote', server: 'farm1', ms: 12.4 }), 'wardcc: remote: x.c on farm1, 12 ms\n');
  t.is(explainLine(job, { how: 'hit', reason: 'from farm2', ms: 1 }), 'wardcc: hit: x.c, from farm2, 1 ms\n');
  t.is(explainCause(job, { how: 'local', reason: 'conftest', ms: 1 }), 'x.c: conftest');
  t.is(explainCause(job, { how: 'local', reason: 'busy', message: 'All full.\nMore.', ms: 1 }), 'x.c: busy (All full.)');
});

test('the last decision for a file is remembered, the oldest are forgotten', (t) => {
  const decisions = new Decisions(2);
  const job = (name: string): LauncherRequest => request(['gcc', '-c', name]);
  decisions.remember(job('a.c'), { how: 'remote', server: 's', ms: 1 });
  decisions.remember(job('b.c'), { how: 'remote', ms: 1 });
  decisions.remember(job('a.c'), { how: 'local', reason: 'busy', ms: 2 });
  decisions.remember(job('c.c'), { how: 'hit', ms: 1 });
  t.is(decisions.find('/src/b.c'), undefined);
  const last = decisions.find('/src/a.c')!;
  t.like(last, { how: 'local', reason: 'busy', ms: 2 });
  t.is(decisions.find('/src/c.c')!.how, 'hit');
});

test('what a server says cannot steer the terminal', (t) => {
  const hostile = 'No.\u001b]0;owned\u0007 \u202etxt\r\nwardcc: all is well';
  const { message } = outcomeOfError(new WardError('policy-denied', hostile, { at: 'rule\u001b[2J' }), 'infra', 1);
  t.is(message, `wardcc: No.?]0;owned? ?txt? wardcc: all is well (rule?[2J) [policy-denied]\nwardcc: ${errorTable['policy-denied'].next}\n`);
  t.is(explainCause(request(['gcc', '-c', 'x.c']), { how: 'local', reason: 'busy', message: hostile, ms: 1 }), 'x.c: busy (No.?]0;owned? ?txt)');
});

test('fallback: infra compiles here what the farm could not do, never nothing, always even what was refused', (t) => {
  const how = (code: 'busy' | 'not-a-committer', fallback: 'infra' | 'never' | 'always'): unknown[] => {
    const outcome = outcomeOfError(new WardError(code), fallback, 1);
    return [outcome.how, outcome.exit ?? outcome.notice];
  };
  t.deepEqual([how('busy', 'infra'), how('busy', 'never'), how('busy', 'always')], [['local', undefined], ['failed', 114], ['local', undefined]]);
  t.deepEqual(how('not-a-committer', 'infra'), ['denied', 113]);
  t.deepEqual(how('not-a-committer', 'never'), ['denied', 113]);
  const { means } = errorTable['not-a-committer'];
  t.deepEqual(how('not-a-committer', 'always'), ['local', `compiled here although it was refused: ${means} [not-a-committer]`]);
});

test('the environment chooses the fallback, unless the system locks it', (t) => {
  const asked = request(['gcc'], { WARDCC_FALLBACK: 'never' });
  t.is(fallbackFor(asked, { fallback: 'infra', locked: false }), 'never');
  t.is(fallbackFor(asked, { fallback: 'infra', locked: true }), 'infra');
  t.is(fallbackFor(request(['gcc'], { WARDCC_FALLBACK: 'sometimes' }), { fallback: 'always', locked: false }), 'always');
});
