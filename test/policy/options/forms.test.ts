/**
 * The compilers themselves say which options take the next argument. An option that swallows an argument which the table
 * believes to be something else would let a command slip past the check.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { optionTable } from '../../../policy/options/index.ts';
import type { Family, OptionEntry } from '../../../policy/options/index.ts';

const run = (command: string, args: readonly string[], cwd: string): Promise<string> =>
  new Promise(resolve => {
    execFile(command, [...args], { cwd, env: { PATH: '/usr/bin:/bin', LC_ALL: 'C' }, maxBuffer: 1 << 26 }, (_, stdout,
      stderr) => resolve(stdout + stderr));
  });

/** Options that may be sent: the others need not be read right, they end the reading. */
const sendable = (family: Family): OptionEntry[] => optionTable.filter(entry =>
  entry.families.includes(family) && !['local', 'refused', 'stage', 'destination', 'language'].includes(entry.effect.kind));

const directory = async (t: { teardown(done: () => Promise<void>): void }): Promise<string> => {
  const path = await mkdtemp(join(tmpdir(), 'wardcc-forms-'));
  t.teardown(() => rm(path, { recursive: true, force: true }));
  await writeFile(join(path, 'value.c'), '');
  return path;
};

/** Ways to write an option so that the table admits it. A joined value may be empty where its pattern says so. */
const samples = (entry: OptionEntry): string[] => {
  const values = entry.form === 'joined' ? ['', '1', '2', 'all', 'utf-8', 'disable', 'text',
    'x=1'].filter(value => entry.value?.test(value) !== false).slice(0, 2) : [''];
  return values.map(value => entry.spelling + value);
};

test('gcc takes a separate value exactly where the table says so', async t => {
  const cwd = await directory(t);
  const entries = sendable('gcc').filter(entry => entry.form !== 'flag' || !/^-[fmg]/.test(entry.spelling));
  t.true(entries.length > 100);
  let checked = 0;
  for (const entry of entries) {
    for (const sample of samples(entry)) {
      const output = await run('gcc', ['-###', '-c', sample, 'value.c'], cwd);
      if (/: error: /.test(output)) continue; // of another version, or not with this value
      t.is(!/cc1.*value\.c/.test(output), entry.form === 'separate' || entry.form === 'either', `${sample}: ${output.slice(0, 300)}`);
      checked += 1;
    }
  }
  t.true(checked > 120, `only ${checked} were checked`);
});

test('clang takes a separate value exactly where the table says so', async t => {
  const cwd = await directory(t);
  const entries = sendable('clang').flatMap(entry => samples(entry).map(sample => ({ sample, form: entry.form })));
  t.true(entries.length > 800);
  for (let start = 0; start < entries.length; start += 100) {
    const batch = entries.slice(start, start + 100);
    await Promise.all(batch.map((_, index) => writeFile(join(cwd, `n${index}.c`), '')));
    const output = await run('clang', ['-ccc-print-bindings', '-c', ...batch.flatMap((entry, index) => [entry.sample,
      `n${index}.c`])], cwd);
    for (const [index, { sample, form }] of batch.entries()) {
      if (output.includes(`unknown argument: '${sample}'`) || output.includes(`unknown argument '${sample}'`)) continue;
      t.is(!output.includes(`"n${index}.c"`), form === 'separate' || form === 'either', sample);
    }
  }
});
