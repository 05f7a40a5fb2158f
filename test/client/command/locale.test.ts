import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { localeOf } from '../../../client/command/locale.ts';
import { temporaryDirectory } from '../../fixtures/temporary.ts';

const gcc = (env: Record<string, string>): Promise<string | undefined> => localeOf(env, 'gcc', '/usr/bin/gcc');

test('C, POSIX and nothing are C', async t => {
  t.is(await gcc({}), 'C');
  t.is(await gcc({ LANG: 'POSIX' }), 'C');
  t.is(await gcc({ LANG: 'C.UTF-8', LC_ALL: 'C' }), 'C');
});

test('C.UTF-8 is itself, in any spelling', async t => {
  for (const name of ['C.UTF-8', 'C.utf8']) t.is(await gcc({ LANG: name }), 'C.UTF-8');
  t.is(await gcc({ LC_CTYPE: 'C.UTF-8' }), 'C.UTF-8');
});

test('a locale that is not installed is C, as setlocale makes it', async t => {
  t.is(await gcc({ LANG: 'xx_YY.UTF-8' }), 'C');
  t.is(await gcc({ LANG: 'xx_YY.UTF-8', LC_ALL: 'C.UTF-8' }), 'C.UTF-8');
});

test('clang has one language', async t => {
  t.is(await localeOf({ LANG: 'de_DE.UTF-8' }, 'clang', '/usr/bin/clang'), 'C');
});

test('messages of the assembler are translated, too', async t => {
  const prefix = await temporaryDirectory(t);
  const compiler = join(prefix, 'bin/gcc');
  for (const directory of ['bin', 'share/locale/eo/LC_MESSAGES', 'share/locale/tlh/LC_MESSAGES']) mkdirSync(join(prefix, directory), { recursive: true });
  for (const file of ['bin/gcc', 'share/locale/eo/LC_MESSAGES/gas.mo', 'share/locale/tlh/LC_MESSAGES/make.mo']) writeFileSync(join(prefix, file), '');
  t.is(await localeOf({ LC_ALL: 'C.UTF-8', LANGUAGE: 'eo' }, 'gcc', compiler), undefined);
  t.is(await localeOf({ LC_ALL: 'C.UTF-8', LANGUAGE: 'tlh' }, 'gcc', compiler), 'C.UTF-8');
  t.is(await localeOf({ LC_ALL: 'C', LANGUAGE: 'eo' }, 'gcc', compiler), 'C');
});
