import test from 'ava';
import { ask, coverIncludeDirs, parseVerbose } from '../../toolchain/query.ts';

const gcc = `Using built-in specs.
Target: x86_64-linux-gnu
gcc version 12.2.0 (Debian 12.2.0-14)
ignoring nonexistent directory "/usr/local/include/x86_64-linux-gnu"
ignoring duplicate directory "b"
#include "..." search starts here:
 q q
#include <...> search starts here:
 a
 /usr/lib/gcc/x86_64-linux-gnu/12/include
 Frame (framework directory)
End of search list.
`;

test('what -v prints is taken apart', (t) => {
  t.deepEqual(parseVerbose(gcc), {
    family: 'gcc', target: 'x86_64-linux-gnu', quote: ['q q'], angle: ['a', '/usr/lib/gcc/x86_64-linux-gnu/12/include', 'Frame'],
    absent: ['/usr/local/include/x86_64-linux-gnu'], duplicates: ['b'], configurations: [],
  });
});

test('text that is nothing of the kind says nothing', (t) => {
  t.deepEqual(parseVerbose('hello\n#include <...> search starts here:'), { quote: [], angle: [], absent: [], duplicates: [],
    configurations: [] });
});

test('include directories are covered by the smallest set below /usr, absent ones included', (t) => {
  const verbose = { ...parseVerbose(''), angle: ['/usr/include/c++/12', '/usr/include', '/opt/x'],
    absent: ['/usr/lib/gcc/../gcc/none/include', '/include', '/usr/local/include/'] };
  t.deepEqual(coverIncludeDirs([verbose]), ['/usr/include', '/usr/lib/gcc/none/include', '/usr/local/include']);
});

for (const [compiler, family] of [['/usr/bin/gcc', 'gcc'], ['/usr/bin/clang++', 'clang']] as const) {
  test(`${compiler} presents itself and its directories`, async (t) => {
    const { family: found, angle } = parseVerbose((await ask(compiler, ['-E', '-v', '-x', 'c++', '/dev/null'])).stderr);
    t.is(found, family);
    t.true(angle.includes('/usr/include'));
  });
}

test('a program that cannot be started is toolchain-unknown', async (t) => {
  await t.throwsAsync(() => ask('/nonexistent/gcc', []), { name: 'WardError', code: 'toolchain-unknown', message: /could not be run/ });
});
