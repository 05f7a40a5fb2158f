import test from 'ava';
import { checkEnvironment, searchDirectories, variableOf } from '../../../policy/options/index.ts';

test('what steers the compiler from outside may not be sent', t => {
  for (const name of ['GCC_EXEC_PREFIX', 'COMPILER_PATH', 'LD_PRELOAD', 'LD_LIBRARY_PATH', 'PATH', 'GCC_SPECS', 'DEPENDENCIES_OUTPUT',
    'SUNPRO_DEPENDENCIES',
    'CC_PRINT_OPTIONS_FILE', 'CCC_OVERRIDE_OPTIONS', 'LIBRARY_PATH', 'LOCPATH', 'GCONV_PATH', 'MALLOC_TRACE', 'TMPDIR', '',
      '__proto__', 'constructor']) {
    const [finding, ...more] = checkEnvironment({ [name]: '/tmp/evil' });
    t.is(finding?.code, 'option-refused', name);
    t.is(finding?.option, name);
    t.deepEqual(more, []);
  }
});

test('what travels has a value of the expected kind', t => {
  t.deepEqual(checkEnvironment({ LC_ALL: 'C.UTF-8', SOURCE_DATE_EPOCH: '1700000000', CPATH: '/a:b', GCC_COLORS: 'error=01;31' }), []);
  for (const [name, value] of [['LC_ALL', 'de_DE.UTF-8'], ['LC_ALL', '../../x'], ['SOURCE_DATE_EPOCH', 'now'], ['SOURCE_DATE_EPOCH',
    '-1'], ['CPATH', '/a\0/b'], ['CPATH', '/a\n/b']] as const) {
    t.is(checkEnvironment({ [name]: value })[0]?.option, name, value);
  }
});

test('an empty element of a search variable is the working directory', t => {
  t.deepEqual(searchDirectories(':a::/b'), ['.', 'a', '.', '/b']);
  t.is(variableOf('CPATH')?.effect, 'search');
  t.is(variableOf('HOME'), undefined);
});
