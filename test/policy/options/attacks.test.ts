/** Spellings that run code, write files or slip past a parser: each is refused, with its reason. */
import test from 'ava';
import { checkArgv } from '../../../policy/options/index.ts';
import type { Family, OptionReason } from '../../../policy/options/index.ts';

const both: readonly Family[] = ['gcc', 'clang'];
type Attack = readonly [arguments_: readonly string[], reason: OptionReason, families?: readonly Family[]];

const runCode: readonly Attack[] = [
  [['-wrapper', 'sh,-c,id'], 'tool-replaced'],
  [['-B', '/tmp/evil'], 'tool-replaced'], [['-B/tmp/evil'], 'tool-replaced'], [['-B.'], 'tool-replaced'],
  [['--prefix=/tmp/evil'], 'tool-replaced'], [['--prefix', '/tmp/evil'], 'tool-replaced'],
  [['-specs=evil.specs'], 'tool-replaced'], [['--specs=evil.specs'], 'tool-replaced'], [['-specs', 'evil.specs'], 'tool-replaced', ['gcc']],
  [['-no-integrated-cpp'], 'tool-replaced', ['gcc']],
  [['-fplugin=./x.so'], 'plugin'], [['-fplugin', './x.so'], 'plugin'], [['-fplugin-arg-x-y=z'], 'plugin'], [['--plugin=./x.so'], 'plugin'],
  [['-iplugindir=.'], 'plugin', ['gcc']], [['-fpass-plugin=./x.so'], 'plugin', ['clang']],
  [['-Xclang', '-load', '-Xclang', './x.so'], 'tool-argument', ['clang']], [['-load', './x.so'], 'plugin', ['clang']],
  [['-mllvm', '-load=./x.so'], 'tool-argument', ['clang']], [['-Xclang=-load'], 'tool-argument', ['clang']],
  [['-Xanalyzer', '-load'], 'tool-argument', ['clang']], [['-Xarch_host', '-fplugin=./x.so'], 'tool-argument', ['clang']],
  [['-Xarch_x86_64', '-fplugin=./x.so'], 'tool-argument', ['clang']], [['-Xopenmp-target', '-fplugin=./x.so'], 'tool-argument', ['clang']],
  [['--config', 'evil.cfg'], 'tool-replaced', ['clang']], [['--config=evil.cfg'], 'tool-replaced', ['clang']],
  [['--gcc-toolchain=/tmp/evil'], 'tool-replaced', ['clang']], [['-resource-dir', '/tmp/evil'], 'tool-replaced', ['clang']],
  [['-ccc-gcc-name', '/tmp/evil'], 'tool-replaced', ['clang']], [['-fno-integrated-as'], 'tool-replaced', ['clang']],
  [['-cc1'], 'tool-replaced', ['clang']], [['--driver-mode=cl'], 'tool-replaced', ['clang']], [['-Wl,-plugin,./x.so'], 'linker-argument'],
  [['-Xlinker', '-plugin=./x.so'], 'linker-argument'], [['--for-linker=-plugin'], 'tool-argument', ['gcc']],
  [['--for-assembler', '-a=x'], 'tool-argument', ['gcc']],
];

const write: readonly Attack[] = [
  [['-dumpdir', '/tmp/'], 'dump', ['gcc']], [['-dumpbase', '../x'], 'dump', ['gcc']], [['--dumpdir', '/tmp/'], 'dump', ['gcc']],
  [['-save-temps'], 'save-temps'], [['-save-temps=obj'], 'save-temps'], [['--save-temps'], 'save-temps'],
  [['-fdump-tree-all=/tmp/x'], 'dump'], [['-fdump-ipa-all'], 'dump'], [['-fdump-final-insns=/tmp/x'], 'dump', ['gcc']],
  [['-fdump-go-spec=/tmp/x'], 'dump', ['gcc']],
  [['-da'], 'dump'], [['-dH'], 'dump'], [['-fopt-info-all=/tmp/x'], 'option-value', ['gcc']],
  [['-fopt-info=/tmp/x'], 'option-value', ['gcc']],
  [['-Wa,-a=/tmp/x'], 'assembler-argument'], [['-Wa,-ahls=/tmp/x'], 'assembler-argument'], [['-Wa,--MD,/tmp/x'], 'assembler-argument'],
  [['-Wa,-o,/tmp/x'], 'assembler-argument'], [['-Wa,--noexecstack,-a=/tmp/x'], 'assembler-argument'],
  [['-Wa,@/etc/shadow'], 'assembler-argument'],
  [['-Wa,-I,/etc'], 'assembler-argument'], [['-Wa,--debug-prefix-map=a=b'], 'assembler-argument'],
  [['-Wa,--statistics'], 'assembler-argument'],
  [['-Xassembler', '-a=/tmp/x'], 'assembler-argument'], [['-Xassembler', '@/etc/shadow'], 'response-file'],
  [['-Xpreprocessor', '-MD'], 'preprocessor-argument'], [['-Wp,-include,/etc/passwd'], 'preprocessor-argument'],
  [['-Wp,-MF,/tmp/x'], 'preprocessor-argument'],
  [['-Wp,-fplugin=./x.so'], 'preprocessor-argument'], [['-Wp,-I/etc'], 'preprocessor-argument'], [['-Wp,@x'], 'preprocessor-argument'],
  [['-Wp,-MD,-'], 'preprocessor-argument'], [['-Wp,-MD'], 'preprocessor-argument'], [['-Wp,-MD,a,-MT,b'], 'preprocessor-argument', ['clang']],
  [['-Wp,-MD,a', '-Wp,-MMD,b'], 'repeated-output'],
  [['-MD', '-Wp,-MD,b'], 'repeated-output'],
  [['-Wp,-MD,b', '-MD'], 'repeated-output'],
  [['-fprofile-note=/tmp/x'], 'profile-data', ['gcc']], [['-foptimization-record-file=/tmp/x'], 'dump', ['clang']],
  [['-ftime-trace=/tmp/x'], 'dump', ['clang']],
  [['-fcrash-diagnostics-dir=/tmp'], 'crash-report', ['clang']], [['-gen-reproducer'], 'rewriter', ['clang']],
  [['-fdiagnostics-format=sarif-file'], 'option-value'],
  [['-fdiagnostics-add-output=sarif:file=/tmp/x'], 'dump', ['gcc']], [['-fsave-optimization-record'], 'dump'],
  [['-fproc-stat-report=/tmp/x'], 'timing-report', ['clang']],
  [['-dependency-file', '/tmp/x'], 'tool-argument', ['clang']], [['-module-dependency-dir', '/tmp'], 'modules', ['clang']],
  [['-fmodules-cache-path=/tmp'], 'modules', ['clang']],
  [['-fthin-link-bitcode=/tmp/x'], 'dump', ['clang']], [['-objcmt-migrate-all'], 'rewriter', ['clang']],
  [['--output-pch=/tmp/x'], 'precompiled-header', ['gcc']],
  [['-fcallgraph-info=/tmp/x'], 'option-value', ['gcc']], [['-o', 'a', '-o', 'b'], 'repeated-output'],
  [['-MF', 'a', '-MFb'], 'repeated-output'],
  [['-MF', '-'], 'standard-output'], [['-o-'], 'standard-output'], [['-o', '-'], 'standard-output'],
  [['-working-directory', '/'], 'build-session', ['clang']],
];

const read: readonly Attack[] = [
  [['-D', '@/etc/shadow'], 'response-file'], [['-I', '@/etc/shadow'], 'response-file'], [['-MT', '@/etc/shadow'], 'response-file'],
  [['@/etc/shadow'], 'response-file'], [['-fprofile-use=/etc/shadow'], 'profile-data'], [['-fauto-profile=/etc/shadow'], 'profile-data'],
  [['-fprofile-use'], 'profile-data'], [['-fbranch-probabilities'], 'profile-data'], [['--sysroot=/etc'], 'sysroot'],
  [['--sysroot', '/etc'], 'sysroot'],
  [['-isysroot', '/etc'], 'sysroot'], [['-ivfsoverlay', 'x.yaml'], 'sysroot', ['clang']],
  [['-include-pch', 'x'], 'precompiled-header', ['clang']],
  [['-fmodule-map-file=/etc/shadow'], 'modules', ['clang']], [['-fmodule-mapper=|/bin/sh'], 'option-value', ['gcc']],
  [['-fmodule-mapper=<3>4'], 'option-value', ['gcc']], [['-fmodule-mapper==socket'], 'option-value', ['gcc']], [['-fmodule-mapper=host:1'], 'option-value', ['gcc']],
  [['-fmodules-ts'], 'modules', ['clang']],
  [['-fbuild-session-file=/etc/shadow'], 'build-session', ['clang']], [['-T', '/etc/shadow'], 'linker-argument'], [['-'], 'standard-input'],
  [['-fmodule-mapper', 'x'], 'modules'], [['-fembed-offload-object=/etc/shadow'], 'offload', ['clang']],
  [['-finput-charset=../../x'], 'option-value'],
  [['-mmcu=../../x'], 'cross-target', ['gcc']], [['-march=../../x'], 'option-value'], [['-fuse-ld=/tmp/x'], 'option-value'],
];

const slip: readonly Attack[] = [
  [['-DX=\0-wrapper'], 'option-value'], [['-I', '/a\0b'], 'option-value'],
  [['--compil'], 'unknown-option'], [['--outpu=x'], 'unknown-option'], [['--incl=x'], 'unknown-option'], [['--spec=x'], 'unknown-option'],
  [['--wrapper', 'x'], 'unknown-option'], [['--B', 'x'], 'unknown-option'], [['--fplugin=x.so'], 'unknown-option'],
  [['--no-integrated-cpp'], 'unknown-option'],
  [['-xnone', 'b.s'], 'several-sources'], [['b.c'], 'several-sources'], [['-x', 'assembler', 'b.c'], 'several-sources'],
  [['--', '-wrapper'], 'unknown-option'], [['-'], 'standard-input'], [['-S'], 'several-stages'], [['-E'], 'preprocess-only'],
  [['-M'], 'dependencies-only'],
  [['-MM'], 'dependencies-only'], [['-MG'], 'dependencies-only'], [['--version'], 'information'], [['-v'], 'verbose'],
  [['-###'], 'information'],
  [['-fsyntax-only'], 'syntax-only'], [['-fnot-an-option'], 'unknown-option'], [['-Q'], 'timing-report', ['gcc']],
  [['-I-'], 'unknown-option'], [['-I'], 'option-incomplete'],
];

for (const [title, attacks] of Object.entries({ 'runs code': runCode, 'writes elsewhere': write, 'reads elsewhere': read,
  'slips past a parser': slip })) {
  test(`what ${title} is refused with its reason`, t => {
    for (const [words, reason, families = both] of attacks) {
      for (const family of families) {
        const argv = [family, '-O2', '-c', 'a.c', ...words];
        const checked = checkArgv(argv, family);
        const label = `${family} ${words.join(' ')}`;
        if (checked.ok) {
          t.fail(`${label} is let through`);
        } else {
          t.is(checked.code, 'option-refused', label);
          t.is(checked.reason, reason, label);
          t.regex(checked.sentence, /^The command .*\.$|^An option .*\.$/);
        }
      }
    }
  });
}

test('no attack passes after an option that takes a value, unless it is that value', t => {
  for (const [words, , families = both] of runCode) {
    for (const family of families) {
      t.false(checkArgv([family, '-c', 'a.c', '-Wall', '-D', 'X', '-include', 'a.h', ...words], family).ok, words.join(' '));
    }
  }
});

test('a file of a language that does not travel is refused', t => {
  for (const words of [['a.s'], ['a.o'], ['a.f90'], ['-xassembler', 'a.c'], ['-xcuda', 'a.c'],
    ['-x', 'ada', 'a.c'], ['a']]) {
    const checked = checkArgv(['gcc', '-c', ...words], 'gcc');
    t.false(checked.ok);
    if (!checked.ok) t.is(checked.reason, 'language', words.join(' '));
  }
});

test('a header is compiled by gcc alone, to nothing but a precompiled header and its dependencies', t => {
  for (const words of [['-c', 'a.h'], ['-c', '-x', 'c++-header', 'a.c', '-o', 'b.gch', '-MD', '-MF', 'b.d']]) t.true(checkArgv(['gcc', ...words], 'gcc').ok);
  for (const [words, family] of [[['-c', 'a.h'], 'clang'], [['-S', 'a.h'], 'gcc'], [['-c', '-fstack-usage', 'a.h'], 'gcc'], [['-c', '-aux-info', 'x', 'a.h'], 'gcc']] as const) {
    const checked = checkArgv(['cc', ...words], family);
    t.is(!checked.ok && checked.reason, 'precompiled-header', words.join(' '));
  }
});

test('every path that a command names comes back with its role', t => {
  const words = '-c -I/i -iquote q -isystem s -include /etc/passwd -imacros m.h -MD -MF /tmp/d -o ../../x --coverage a.c'.split(' ');
  const checked = checkArgv(['gcc', ...words], 'gcc');
  t.true(checked.ok);
  t.deepEqual(checked.ok && checked.paths, [
    { role: 'source', path: 'a.c' }, { role: 'include', path: '/etc/passwd' }, { role: 'macros', path: 'm.h' },
    { role: 'search', path: '/i', detail: 'user' }, { role: 'search', path: 'q', detail: 'quote' }, { role: 'search', path: 's',
      detail: 'system' },
    { role: 'output', path: '../../x', detail: 'object' }, { role: 'output', path: '/tmp/d', detail: 'depfile' }, { role: 'output',
      path: '../../x.gcno', detail: 'gcno' },
  ]);
});
