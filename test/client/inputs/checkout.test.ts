import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { commonCheckout } from '../../../client/command/checkout.ts';
import { collectInputs, InputsMemory } from '../../../client/inputs/collect.ts';
import type { Inputs } from '../../../client/inputs/types.ts';
import { describeToolchain } from '../../../toolchain/describe.ts';
import { commandOf } from './copy.ts';

const toolchain = describeToolchain('/usr/bin/gcc');

interface Case {
  readonly files?: Readonly<Record<string, string>>;
  readonly links?: Readonly<Record<string, string>>;
  readonly flags?: (top: string, root: string) => readonly string[];
}

/** `root` is the checkout, in `top`; the command runs in `root/b`. */
const collect = async (t: ExecutionContext, name: string, { files = {}, links = {}, flags = () => [] }: Case, memory = new InputsMemory()): Promise<Inputs & { root: string }> => {
  // Only plain names are moved.
  const place = mkdtempSync(join(tmpdir(), 'wardcc-checkout-'));
  t.teardown(() => rmSync(place, { recursive: true }));
  const top = join(place, name);
  const root = join(top, 'checkout');
  const all = { 'checkout/a.c': '#include "x.h"\n', 'checkout/x.h': 'int x;\n', 'checkout/b/y.h': '', 'beside/z.h': '', ...files };
  for (const [path, text] of Object.entries(all)) {
    mkdirSync(dirname(join(top, path)), { recursive: true });
    writeFileSync(join(top, path), text.replaceAll('ROOT', root));
  }
  for (const [path, target] of Object.entries(links)) symlinkSync(target.replaceAll('ROOT', root), join(top, path));
  const command = await commandOf(['/usr/bin/gcc', `-ffile-prefix-map=${root}=.`, ...flags(top, root), '-c', '../a.c', '-o', 'a.o'], join(root, 'b'));
  t.is(command.checkout, root);
  return Object.assign(await collectInputs(command, await toolchain, { memory }), { root });
};

test('two checkouts of the same files are the same tree, and its contents are found where they are', async (t) => {
  const files = { 'checkout/a.c': '#include "x.h"\n#include <b/../b/y.h>\n#include "l.h"\n' };
  const one = { files, links: { 'checkout/l.h': 'x.h', 'checkout/m': 'ROOT/b' }, flags: (_: string, root: string) => [`-I${root}`, '-I../m'] };
  const [first, second] = [await collect(t, 'first', one), await collect(t, 'the-second', one)];
  t.is(first.checkout, first.root);
  t.is(first.digest, second.digest);
  t.not(first.root, second.root);
  t.false(first.encoded.includes(first.root));
  t.true(first.entries.some(({ path }) => path === `${commonCheckout}/x.h`));
  t.true(first.entries.some((entry) => entry.kind === 'file' && first.fileWith(entry.digest) === `${first.root}/x.h`));
});

const stays: Readonly<Record<string, Case>> = {
  'a way out over the top': { files: { 'checkout/a.c': '#include "../beside/z.h"\n' } },
  'a way out and in again': { files: { 'checkout/a.c': '#include "../checkout/x.h"\n' } },
  'a directory above that is searched': { flags: (top) => [`-I${top}`] },
  'a header above': { files: { 'above.h': '' }, flags: (top) => ['-include', join(top, 'above.h')] },
  'a way in from beside': { files: { 'beside/z.h': '#include "../checkout/x.h"\n' }, flags: (top) => ['-include', join(top, 'beside/z.h')] },
  'a link from beside': { links: { 'beside/l.h': '../checkout/x.h' }, flags: (top) => ['-include', join(top, 'beside/l.h')] },
  'a link out by ..': { links: { 'checkout/o': '../beside' }, flags: () => ['-I../o'] },
  'a text with the path': { files: { 'checkout/a.c': '#if __has_include("ROOT/x.h")\n#endif\n' } },
  'a text with the path, in a macro': { files: { 'checkout/a.c': '#define H "ROOT/x.h"\n#include H\n' } },
  'a line of the path': { files: { 'checkout/a.c': '#line 3 "ROOT/grammar.y"\nint x;\n' } },
};
for (const [what, each] of Object.entries(stays)) {
  test(`${what}: the tree stays where it is`, async (t) => {
    const inputs = await collect(t, 'top', each);
    t.is(inputs.reason, undefined);
    t.is(inputs.checkout, undefined);
    t.true(inputs.entries.some(({ path }) => path.startsWith(inputs.root)));
  });
}

test('what lies beside the checkout is part of the tree under its own name', async (t) => {
  const inputs = await collect(t, 'top', { flags: (top) => [`-I${top}/beside`], files: { 'checkout/a.c': '#include <z.h>\n' } });
  t.is(inputs.checkout, inputs.root);
  t.true(inputs.entries.some(({ path }) => path === join(dirname(inputs.root), 'beside/z.h')));
});
