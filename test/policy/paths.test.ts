import test from 'ava';
import fc from 'fast-check';
import { checkClientDirectory, checkClientPath, checkPathForm } from '../../policy/paths.ts';

const includes = ['/usr/include', '/usr/lib/gcc/x86_64-linux-gnu/12/include'];

for (const path of [
  '/home/a/x.c',
  '/tmp/x.c',
  '/srv/a b/x.c',
  '/usr/include/stdio.h',
  '/usr/lib/gcc/x86_64-linux-gnu/12/include/stddef.h',
  '/usr/include',
  '/homelib/x',
  '/.hidden/x',
]) {
  test(`a client may name ${path}`, (t) => {
    t.is(checkClientPath(path, includes), undefined);
  });
}

for (const path of [
  '/usr/bin/as',
  '/usr/include2/x.h',
  '/usr/lib/gcc/x86_64-linux-gnu/12/cc1',
  '/usr/lib/gcc/x86_64-linux-gnu/12/includes',
  '/bin/sh',
  '/sbin/x',
  '/lib/x',
  '/lib64/ld.so',
  '/library/x',
  '/etc/ld.so.preload',
  '/proc/self/environ',
  '/sys/x',
  '/dev/null',
  '/.wardcc-tmp/x',
  '/.wardcc',
  '/usr',
]) {
  test(`a client may not name ${path}`, (t) => {
    t.regex(checkClientPath(path, includes) ?? '', /belongs to the system/);
  });
}

for (const [path, reason] of [
  ['relative/x.c', 'the path is not absolute'],
  ['', 'the path is not absolute'],
  ['/a/../etc/passwd', 'the path is not normalised'],
  ['/a/./b', 'the path is not normalised'],
  ['/a//b', 'the path is not normalised'],
  ['/a/', 'the path is not normalised'],
  ['/a\0b', 'the path contains NUL'],
  [`/${'a/'.repeat(2500)}b`, 'the path is too long'],
  [`/${'é'.repeat(128)}`, 'a name in the path is too long'],
] as const) {
  test(`refused with "${reason}": ${JSON.stringify(path.slice(0, 20))}`, (t) => {
    t.is(checkClientPath(path, includes), reason);
    t.is(checkClientDirectory(path, includes), reason);
  });
}

test('the way down to an include directory is allowed as a directory only', (t) => {
  t.is(checkClientDirectory('/usr', includes), undefined);
  t.is(checkClientDirectory('/usr/lib/gcc', includes), undefined);
  t.truthy(checkClientPath('/usr/lib/gcc', includes));
  t.truthy(checkClientDirectory('/usr/bin', includes));
  t.truthy(checkClientDirectory('/usr/lib/gcc2', includes));
});

test('a prefix of the toolchain outside the system directories is refused too', (t) => {
  t.is(checkClientPath('/opt/gcc-14/bin/as', [], ['/opt/gcc-14']), '/opt/gcc-14 belongs to the toolchain');
  t.is(checkClientPath('/opt/gcc-14/include/x.h', ['/opt/gcc-14/include'], ['/opt/gcc-14']), undefined);
  t.is(checkClientPath('/opt/gcc-140/x.h', [], ['/opt/gcc-14']), undefined);
});

test('no path that passes lies in a system directory, whatever it is made of', (t) => {
  const part = fc.constantFrom('usr', 'bin', 'lib', 'lib64', '..', '.', '', 'home', 'x', 'include', 'etc', 'proc', '.wardcc-tmp');
  fc.assert(
    fc.property(fc.array(part, { maxLength: 6 }), (parts) => {
      const path = `/${parts.join('/')}`;
      if (checkClientPath(path, includes) !== undefined) return;
      t.is(checkPathForm(path), undefined);
      t.true(path.startsWith('/usr/include') || ['', 'home', 'x', 'include'].includes(path.split('/')[1]!), path);
    }),
  );
});
