import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import test from 'ava';
import { WardError } from '../../../protocol/errors.ts';
import type { TreeEntry } from '../../../protocol/tree.ts';
import { checkPrecompiled, makesPrecompiled, precompiledName } from '../../../server/jobs/precompiled.ts';
import type { ResultCache } from '../../../server/store/result-cache.ts';

const digest = randomBytes(32);
const file = (path: string, of = digest): TreeEntry => ({ path, kind: 'file', digest: of, size: 3, group: 0 });

/** A cache with one record in it. */
const holding = (known: string): ResultCache => ({ find: async (_: string, action: string) => (action === known ? {} : undefined) }) as unknown as ResultCache;

test('a precompiled header is taken with a proof for this content, compiler and cache domain, and in no other case', async (t) => {
  const results = holding(precompiledName('d', 'gcc-12', digest.toString('hex')));
  await t.notThrowsAsync(checkPrecompiled([file('/w/a.h.gch'), file('/w/a.h', randomBytes(32))], 'gcc-12', 'd', results));
  const refused: [TreeEntry, string, string | undefined][] = [
    [file('/w/a.h.gch', randomBytes(32)), 'gcc-12', 'd'], [file('/w/a.h.gch'), 'gcc-13', 'd'], [file('/w/a.h.gch'), 'gcc-12', 'e'],
    [file('/w/a.h.gch'), 'gcc-12', undefined], [{ path: '/w/a.h.gch', kind: 'link', target: 'x' }, 'gcc-12', 'd'],
    [{ path: '/w/a.h.gch', kind: 'directory' }, 'gcc-12', 'd'], [file('/w/a.h.pch', randomBytes(32)), 'gcc-12', 'd'],
    [file('/w/gcm.cache/,/a.h.gcm', randomBytes(32)), 'gcc-12', 'd'], [{ path: '/w/gcm.cache/a.gcm', kind: 'link', target: 'x' }, 'gcc-12', 'd'],
  ];
  for (const [entry, toolchain, domain] of refused) {
    const error = await t.throwsAsync(checkPrecompiled([entry], toolchain, domain, results), { instanceOf: WardError });
    t.like(error as WardError, { code: 'input-unsigned', class: 'infrastructure' });
    t.is(error!.message, `The ${entry.path.endsWith('.gcm') ? 'compiled module' : 'precompiled header'} ${JSON.stringify(entry.path)} was not made by this farm with this compiler.`);
  }
});

test('only what the compiler itself wrote as a precompiled header gets a proof, whatever the client says', (t) => {
  const made = (words: string, ...outputs: string[]): boolean => makesPrecompiled({ language: 'c-header', argv: ['gcc', ...words.split(' ')], outputs: outputs.map((name) => join('/w', name)) });
  t.true(made('-c a.h', 'a.h.gch'));
  t.false(makesPrecompiled({ language: 'c', argv: ['gcc', '-c', 'a.h'], outputs: ['/w/a.h.gch'] }));
  t.true(made('-x c++-header -c a.cxx -o b/a.hxx.gch -MD -MF a.d', 'b/a.hxx.gch', 'a.d'));
  t.false(made('-c a.c -o a.h.gch', 'a.h.gch'), 'an object');
  t.false(made('-c a.h -o a.h.gch -MD -MF rule', 'rule', 'a.h.gch'), 'a rule, whose text the client chooses');
  t.false(made('-c a.h -o b/x.gch -MD -MF c/x.gch', 'c/x.gch'), 'a rule of the same name');
  t.false(made('-c a.h -o a.h.gch'));
});
