/**
 * What the test run itself promises: its last line, and that nothing that failed looks like success.
 *
 * @module
 */
import { cp, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { run } from '../../setup/demo/run.ts';
import { temporaryDirectory } from '../fixtures/temporary.ts';

const root = resolve(import.meta.dirname, '../..');

const passing = "import test from 'ava';\ntest('one', (t) => t.pass());\ntest('two', (t) => t.pass());\n";
const failing = "import test from 'ava';\ntest('three', (t) => { throw Object.assign(new Error('no'), { at: undefined }); });\n";
/** Leaves a sign when its process ends, which is when the test run has heard all of it. */
const passingWithSign = `${passing}import { writeFileSync } from 'node:fs';\nprocess.once('exit', () => writeFileSync('sign', ''));\n`;
/** Not before the other has ended: a crash may interrupt what has not been told yet. */
const crashing = `import { existsSync } from 'node:fs';
for (let times = 0; times < 2000 && !existsSync('sign'); times++) await new Promise((resolve) => setTimeout(resolve, 10));
process.exit(3);
`;
const skipping = "import test from 'ava';\ntest('four', (t) => t.pass());\ntest.skip('five', (t) => t.pass());\n";

/** A checkout with these test files only; the set-up that is under test is a copy of ours. */
const runTests = async (t: ExecutionContext, files: Readonly<Record<string, string>>): Promise<{ status: number; last: string }> => {
  const checkout = join(await temporaryDirectory(t), 'check out');
  await mkdir(join(checkout, 'test/fixtures'), { recursive: true });
  await cp(join(root, 'setup'), join(checkout, 'setup'), { recursive: true });
  for (const name of ['package.json', 'ava.config.js', 'test/fixtures/properties.ts']) await cp(join(root, name), join(checkout, name));
  await symlink(join(root, 'node_modules'), join(checkout, 'node_modules'));
  for (const [name, text] of Object.entries(files)) await writeFile(join(checkout, 'test', name), text);
  const names = Object.keys(files).map((name) => `test/${name}`);
  const { status, stdout } = await run(['sh', join(checkout, 'setup/test.sh'), ...names], { env: { PATH: process.env['PATH'], HOME: checkout } });
  return { status, last: stdout.trimEnd().split('\n').at(-1) ?? '' };
};

test('when every test passes, the status is 0 and the last line counts them', async (t) => {
  t.deepEqual(await runTests(t, { 'a.test.ts': passing }), { status: 0, last: '2 passed, 0 failed' });
});

test('when a test fails, the status is 1', async (t) => {
  t.deepEqual(await runTests(t, { 'a.test.ts': passing, 'b.test.ts': failing }), { status: 1, last: '2 passed, 1 failed' });
});

test('when a test file crashes, the status is 1 and something counts as failed', async (t) => {
  const { status, last } = await runTests(t, { 'a.test.ts': passingWithSign, 'b.test.ts': crashing });
  t.is(status, 1);
  t.regex(last, /^2 passed, [1-9] failed$/);
});

test('a test that is skipped counts as neither', async (t) => {
  t.deepEqual(await runTests(t, { 'a.test.ts': skipping }), { status: 0, last: '1 passed, 0 failed' });
});
