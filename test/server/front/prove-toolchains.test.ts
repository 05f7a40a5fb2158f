import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { WardError, type ErrorCode } from '../../../protocol/errors.ts';
import { proveToolchains, type Means } from '../../../server/front/prove-toolchains.ts';
import { Speed } from '../../../server/front/speed.ts';
import type { Outcome } from '../../../server/jobs/services.ts';
import { Store } from '../../../server/store/store.ts';
import type { StagedCompiler } from '../../../server/toolchains/index-file.ts';
import { temporaryDirectory } from '../../fixtures/temporary.ts';

const compiler: StagedCompiler = { digest: 'ab'.repeat(32), name: '/usr/bin/gcc', family: 'gcc', languages: ['c'], includeDirs: [], root: '/' };

/** Executors that fail with these codes, one after the other, and then compile. */
const failing = async (t: ExecutionContext, codes: readonly ErrorCode[]): Promise<{ means: Means; runs: () => number }> => {
  const place = await temporaryDirectory(t);
  const object = join(place, 'object');
  writeFileSync(object, 'an object');
  const usage = { wallMs: 1, userMs: 1, systemMs: 1, maxRssKb: 1 };
  const output = { path: object, size: 9, index: 0, digest: '', mode: 0o644 };
  let runs = 0;
  const run = async (): Promise<Outcome> => {
    const code = codes[runs++];
    if (code !== undefined) throw new WardError(code);
    return { status: { code: 0, signal: 0 }, usage, stdout: output, stderr: output, outputs: [output], discard: () => {} } as unknown as Outcome;
  };
  return { means: { executors: { run }, store: new Store({ directory: join(place, 'store'), maxBytes: 1e6 }), speed: new Speed() }, runs: () => runs };
};

test('an executor that dies under the canary says nothing against the compiler', async (t) => {
  const { means, runs } = await failing(t, ['sandbox-failed', 'sandbox-failed']);
  t.deepEqual([...(await proveToolchains([compiler], means)).keys()], [compiler.digest]);
  t.is(runs(), 3);
});

test('a compiler that fails by itself, or three times, is left out', async (t) => {
  for (const [codes, times] of [[['compiler-crashed'], 1], [['sandbox-failed', 'internal', 'sandbox-failed'], 3]] as const) {
    const { means, runs } = await failing(t, codes);
    t.is((await proveToolchains([compiler], means)).size, 0);
    t.is(runs(), times);
  }
});

test('with a full disk no server starts that offers fewer compilers than it has', async (t) => {
  const { means } = await failing(t, ['disk-full']);
  await t.throwsAsync(proveToolchains([compiler], means), { instanceOf: WardError, code: 'disk-full', message: 'The server has no space left.' });
});
