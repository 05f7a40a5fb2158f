/**
 * Random source trees, compiled here and in a copy made of what was collected: the copy must behave exactly the same. Then
 * something changes, and once more, with everything that was remembered.
 *
 * @module
 */

import { appendFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { collectInputs, InputsMemory } from '../../../client/inputs/collect.ts';
import { describeToolchain } from '../../../toolchain/describe.ts';
import { temporaryDirectory } from '../../fixtures/temporary.ts';
import { commandOf, compileHere, compileInCopy } from './copy.ts';

const folders = ['.', 'a', 'b', 'a/sub', 'b/sub', 'c d'];
const headers = ['h0.h', 'h1.h', 'h2.h', 'h3.h'];
const prefixes = ['', '', '', 'sub/', '../', '../a/', 'sub/../', 'link/', './', 'b//'];

const name = fc.tuple(fc.constantFrom(...prefixes), fc.constantFrom(...headers)).map((parts) => parts.join(''));
const mention = fc.tuple(name, fc.boolean()).map(([text, quoted]) => (quoted ? `"${text}"` : `<${text}>`));
const number = fc.nat(9);
const item = fc.oneof(
  { weight: 5, arbitrary: mention.map((text) => `#if __has_include(${text})\n#include ${text}\n#endif`) },
  { weight: 1, arbitrary: mention.map((text) => `#include ${text}`) },
  { weight: 1, arbitrary: mention.map((text) => `#if 0\n# include ${text}\n#endif`) },
  { weight: 2, arbitrary: fc.constantFrom(...headers).map((text) => `#if __has_include_next(<${text}>)\n#include_next <${text}>\n#endif`) },
  { weight: 1, arbitrary: fc.tuple(mention, number).map(([text, n]) =>
    `#undef M${n}\n#define M${n} ${text}\n#if __has_include(${text})\n#include M${n}\n#endif`) },
  { weight: 1, arbitrary: mention.map((text) => `/* */ %: /* don't */ inc\\\nlude ${text} // "`) },
  { weight: 1, arbitrary: mention.map((text) => `const char *s${text.length} = __has_include(${text}) ? 0 : "/*";`).map((text) =>
    `#if 0\n${text}\n#endif`) },
  { weight: 2, arbitrary: number.map((n) => `asm(".ascii \\"item ${n}\\"");`) },
);
const guard = fc.constantFrom('once', 'macro', 'none');
/** A text that includes something has a guard; one without a guard may come twice. */
const text = fc.tuple(fc.array(item, { maxLength: 4 }), guard, number).map(([items, kind, n]) => {
  const body = [...items, `asm(".ascii \\"text ${n}\\"");`].join('\n');
  if (kind === 'none' && !body.includes('include')) return `${body}\n`;
  return kind === 'once' ? `#pragma once\n${body}\n` : `#ifndef G${n}_${items.length}\n#define G${n}_${items.length}\n${body}\n#endif\n`;
});

const file = fc.record({ folder: fc.constantFrom(...folders), header: fc.constantFrom(...headers), text, second: fc.nat(1) });
const link = fc.constantFrom(['a/link', '../b'], ['link', 'a'], ['b/link', '.'], ['b/h3.h', '../a/h2.h'], ['b/sub/h0.h', 'nowhere'],
  ['a/h1.h', 'sub'], ['c d/h2.h', '../a/sub/h1.h']);
const option = fc.tuple(fc.constantFrom('-I', '-iquote', '-isystem', '-idirafter'), fc.constantFrom('a', 'b', 'a/sub', './b/../a', 'link',
  'c d', 'absent', 'a/link'));
const change = fc.oneof(
  fc.record({ kind: fc.constant('write' as const), file }),
  fc.record({ kind: fc.constant('remove' as const), which: fc.nat(20) }),
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('edit' as const), which: fc.nat(20), n: number }) },
);
const scenario = fc.record({
  files: fc.array(file, { minLength: 3, maxLength: 12 }), links: fc.uniqueArray(link, { maxLength: 4 }), options: fc.array(option,
    { maxLength: 5 }),
  source: text, forced: fc.constantFrom(null, null, null, null, null, 'h0.h', 'a/h1.h'), changes: fc.array(change, { minLength: 1,
    maxLength: 3 }),
  settled: fc.boolean(),
});

type Scenario = typeof scenario extends fc.Arbitrary<infer T> ? T : never;
type File = Scenario['files'][number];

const write = (root: string, { folder, header, text: content, second }: File): void => {
  const path = join(root, folder, header);
  try {
    unlinkSync(path);
  } catch { /* it was not there, or is a directory: then the next line says so */ }
  writeFileSync(path, content);
  utimesSync(path, 1_500_000_000, 1_500_000_000 + second);
};

/** Another text that leads to the same headers, as old as the files around it. */
const edit = (path: string, n: number): void => {
  try {
    appendFileSync(path, `asm(".ascii \\"edit ${n}\\"");\n`);
  } catch {
    return; // It is a directory, or a link to nowhere.
  }
  utimesSync(path, 1_500_000_000, 1_500_000_000 + (n % 2));
};

const build = (root: string, { files, links, source }: Scenario): void => {
  for (const folder of folders) mkdirSync(join(root, folder), { recursive: true });
  for (const each of files) write(root, each);
  for (const [path, target] of links) {
    try {
      symlinkSync(target as string, join(root, path as string));
    } catch { /* a file of this name is there */ }
  }
  writeFileSync(join(root, 'main.c'), source);
};

/** What was found is remembered only of files that are older than their clock's resolution. */
const settle = ({ settled }: Scenario): Promise<void> => new Promise((resolve) => setTimeout(resolve, settled ? 25 : 0));

/** `WARDCC_SOAK=20` runs that many times as many trees. */
const soak = Number(process.env['WARDCC_SOAK'] ?? 1);
const tally = { same: 0, failed: 0, local: 0 };

const check = async (t: ExecutionContext, compiler: string, method: 'scanner' | 'compiler', { options, forced }: Scenario, root: string,
  memory: InputsMemory): Promise<boolean> => {
  const toolchain = await describeToolchain(compiler, { cacheDir: join(dirname(root), 'cache') });
  const flags = [...options.flat(), ...(forced === null ? [] : ['-include', forced]), '-c', 'main.c', '-o', 'main.o'];
  const command = await commandOf([compiler, ...flags], root, { LC_ALL: 'C' });
  const inputs = await collectInputs(command, toolchain, { memory, method });
  if (inputs.reason !== undefined) {
    tally.local += 1;
    return true;
  }
  const copy = mkdtempSync(join(tmpdir(), 'wardcc-copy-'));
  try {
    const there = await compileInCopy(command, inputs, toolchain, copy);
    const here = await compileHere(command);
    rmSync(join(root, 'main.o'), { force: true });
    tally[here.code === 0 ? 'same' : 'failed'] += 1;
    const same = here.code === there.code && here.stderr === there.stderr &&
      (here.object === undefined ? there.object === undefined : there.object?.equals(here.object) === true);
    if (!same) t.log({ here: here.stderr, there: there.stderr, how: inputs.how, paths: inputs.entries.map(({ path }) =>
      path).filter((path) => path.startsWith(root)) });
    return same;
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
};

for (const [compiler, method, numRuns] of [
  ['/usr/bin/gcc', 'scanner', 40], ['/usr/bin/clang', 'scanner', 20], ['/usr/bin/gcc', 'compiler', 15], ['/usr/bin/clang', 'compiler', 8],
] as const) {
  test.serial(`a copy made by the ${method} compiles as the original does: ${compiler}`, async (t) => {
    const place = await temporaryDirectory(t);
    const memory = new InputsMemory();
    Object.assign(tally, { same: 0, failed: 0, local: 0 });
    await fc.assert(fc.asyncProperty(scenario, async (each) => {
      const root = mkdtempSync(join(place, 'tree-'));
      try {
        build(root, each);
        await settle(each);
        if (!(await check(t, compiler, method, each, root, memory))) return false;
        for (const step of each.changes) {
          if (step.kind === 'write') {
            write(root, step.file);
            continue;
          }
          const known = each.files[step.which % each.files.length] as File;
          if (step.kind === 'remove') rmSync(join(root, known.folder, known.header), { force: true });
          else edit(step.which % 3 === 0 ? join(root, 'main.c') : join(root, known.folder, known.header), step.n);
        }
        await settle(each);
        return await check(t, compiler, method, each, root, memory);
      } finally {
        rmSync(root, { recursive: true, force: true });
      }
    }), { numRuns: numRuns * soak });
    t.log(tally);
    t.true(tally.same * 4 > tally.local);
  });
}
