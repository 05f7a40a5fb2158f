/**
 * The driver: stages, outputs, which language, questions to the compiler, and options that reach another program.
 *
 * @module
 */
import { both, clang, entries, entry, gcc, local, plain, refused, text, word } from '../entries.ts';
import type { Effect } from '../types.ts';

const question: Effect = local('information');
const inner: Effect = refused('tool-argument');
const replaced: Effect = refused('tool-replaced');

export const driver = [
  entry(both, '-c', 'flag', { kind: 'stage', stage: 'object' }),
  entry(gcc, '--compile', 'flag', { kind: 'stage', stage: 'object' }),
  entry(both, '-S', 'flag', { kind: 'stage', stage: 'assembly' }),
  entry(both, '--assemble', 'flag', { kind: 'stage', stage: 'assembly' }),
  entry(clang, '--compile', 'flag', { kind: 'stage', stage: 'object' }),
  entry(clang, '-emit-llvm', 'flag', { kind: 'stage', stage: 'bitcode' }),
  entry(both, '-o', 'either', { kind: 'destination' }),
  entry(both, '--output', 'separate', { kind: 'destination' }),
  entry(both, '--output=', 'joined', { kind: 'destination' }),
  entry(clang, '-object-file-name=', 'joined', plain, text),
  entry(clang, '-objcmt', 'joined', refused('rewriter')),
  entry(clang, '-o-', 'flag', local('standard-output')),
  entry(both, '-x', 'either', { kind: 'language' }),
  entry(both, '--language', 'separate', { kind: 'language' }),
  entry(both, '--language=', 'joined', { kind: 'language' }),
  ...entries(clang, '-ObjC -ObjC++', 'flag', local('language')),
  ...entries(both, '-E --preprocess', 'flag', local('preprocess-only')),
  ...entries(both, '-fsyntax-only', 'flag', local('syntax-only')),
  ...entries(both, '-pipe --pipe', 'flag', plain),
  ...entries(both, '-no-canonical-prefixes -canonical-prefixes', 'flag', plain),
  entry(gcc, '-pass-exit-codes', 'flag', plain),
  ...entries(clang, '-Qunused-arguments --start-no-unused-arguments --end-no-unused-arguments', 'flag', plain),
  ...entries(both, '-Qn -Qy', 'flag', plain),

  // outputs besides the object
  ...entries(both, '-save-temps --save-temps', 'flag', local('save-temps')),
  ...entries(both, '-save-temps= --save-temps=', 'joined', local('save-temps')),
  ...entries(clang, '-serialize-diagnostics --serialize-diagnostics', 'separate', { kind: 'output', role: 'diagnostics' }),
  entry(clang, '-MJ', 'either', { kind: 'output', role: 'database' }),
  entry(gcc, '-aux-info', 'separate', { kind: 'output', role: 'declarations' }),
  entry(gcc, '-aux-info=', 'joined', { kind: 'output', role: 'declarations' }),
  ...entries(gcc, '-dumpbase -dumpbase-ext -dumpdir --dumpbase --dumpbase-ext --dumpdir', 'separate', local('dump')),
  entry(both, '-d', 'joined', local('dump')),
  ...entries(gcc, '--dump', 'separate', local('dump')),
  ...entries(gcc, '--dump=', 'joined', local('dump')),
  ...entries(clang, '-save-stats --save-stats', 'flag', local('timing-report')),
  ...entries(clang, '-save-stats= --save-stats=', 'joined', local('timing-report')),
  ...entries(clang, '-dependency-file -dependency-dot', 'separate', refused('tool-argument')),
  ...entries(clang, '-module-dependency-dir -dsym-dir -gen-cdb-fragment-path', 'separate', local('modules')),

  // questions
  ...entries(both, `
    -### -dumpversion -dumpmachine --version -version --help -help -print-search-dirs --print-search-dirs`, 'flag', question),
  ...entries(both, `
    -print-libgcc-file-name --print-libgcc-file-name -print-multi-lib -print-multi-directory -print-multiarch`, 'flag', question),
  ...entries(both, '--print-multi-lib --print-multi-directory --print-multiarch -print-multi-os-directory', 'flag', question),
  ...entries(both, '-print-file-name= --print-file-name= -print-prog-name= --print-prog-name= --help=', 'joined', question),
  ...entries(gcc, `
    -dumpspecs -dumpfullversion -print-sysroot -print-sysroot-headers-suffix --target-help -print-objc-runtime-info`, 'flag', question),
  ...entries(gcc, '--completion=', 'joined', question),
  ...entries(gcc, '-fhelp -fversion -ftarget-help', 'flag', question),
  ...entries(gcc, '-fhelp=', 'joined', question),
  ...entries(clang, '--help-hidden -print-effective-triple -print-resource-dir -print-runtime-dir -print-target-triple', 'flag', question),
  ...entries(clang, '-print-targets -print-supported-cpus -print-ivar-layout -print-rocm-search-dirs', 'flag', question),
  ...entries(clang, '--print-effective-triple --print-resource-dir --print-runtime-dir --print-target-triple', 'flag', question),
  ...entries(clang, '--print-targets --print-supported-cpus --print-rocm-search-dirs -module-file-info -extract-api', 'flag', question),
  ...entries(clang, '-ccc', 'joined', refused('tool-replaced')),
  ...entries(clang, '--autocomplete=', 'joined', question),
  ...entries(both, '-v --verbose', 'flag', local('verbose')),
  ...entries(both, '-time -ftime-report', 'flag', local('timing-report')),
  ...entries(gcc, '-time=', 'joined', local('timing-report')),
  entry(gcc, '-Q', 'flag', local('timing-report')),
  entry(gcc, '-quiet', 'flag', plain),

  // programs, their specifications and what they load
  entry(both, '-B', 'either', replaced),
  ...entries(both, '--prefix -wrapper', 'separate', replaced),
  ...entries(both, '--prefix= -specs= --specs=', 'joined', replaced),
  ...entries(gcc, '-specs --specs', 'separate', replaced),
  ...entries(gcc, '-no-integrated-cpp', 'flag', replaced),
  ...entries(both, '-fplugin= -fplugin-arg- --plugin=', 'joined', refused('plugin')),
  ...entries(both, '-fplugin', 'separate', refused('plugin')),
  entry(gcc, '-iplugindir=', 'joined', refused('plugin')),
  ...entries(clang, '-fpass-plugin= --hipspv-pass-plugin=', 'joined', refused('plugin')),
  ...entries(clang, '-load', 'separate', refused('plugin')),
  ...entries(clang, '-Xclang -mllvm -Xanalyzer -Xarch_device -Xarch_host -Xcuda-fatbinary -Xcuda-ptxas -Xopenmp-target', 'separate', inner),
  ...entries(clang, '-Xarch_ -Xopenmp-target= -Xclang= -mllvm=', 'joined', inner),
  ...entries(clang, '--config --driver-mode -b', 'separate', replaced),
  ...entries(clang, '--config= --config-system-dir= --config-user-dir= --driver-mode= --rsp-quoting= --gcc-toolchain=', 'joined', replaced),
  ...entries(clang, '--gcc-install-dir= -resource-dir= --ld-path= --amdgpu-arch-tool= --ptxas-path= --gcc-triple=', 'joined', replaced),
  ...entries(clang, '-resource-dir -gcc-toolchain', 'separate', replaced),
  ...entries(clang, '-cc1 -cc1as -cc1gen-reproducer', 'flag', replaced),
  ...entries(clang, '--no-default-config', 'flag', plain),
  ...entries(clang, `
    -fno-integrated-as -no-integrated-as -fno-integrated-cc1 -via-file-asm --via-file-asm`, 'flag', local('tool-replaced')),
  ...entries(clang, '-fintegrated-as -integrated-as -fintegrated-cc1', 'flag', plain),
  entry(both, '-Wa,', 'joined', { kind: 'pieces', tool: 'assembler' }),
  entry(both, '-Wp,', 'joined', { kind: 'pieces', tool: 'preprocessor' }),
  entry(both, '-Wl,', 'joined', { kind: 'pieces', tool: 'linker' }),
  entry(both, '-Xassembler', 'separate', { kind: 'pieces', tool: 'assembler' }),
  entry(both, '-Xpreprocessor', 'separate', { kind: 'pieces', tool: 'preprocessor' }),
  entry(both, '-Xlinker', 'separate', { kind: 'pieces', tool: 'linker' }),
  ...entries(gcc, '--for-assembler --for-linker --force-link', 'separate', inner),
  ...entries(gcc, '--for-assembler= --for-linker= --force-link=', 'joined', inner),

  // rewriting, analysing, other products
  ...entries(clang, '--analyze --migrate -rewrite-objc -rewrite-legacy-objc -verify-pch -emit-ast --precompile', 'flag', local('rewriter')),
  ...entries(clang, '-emit-interface-stubs -emit-merged-ifs --emit-static-lib -emit-static-lib -gen-reproducer', 'flag', local('rewriter')),
  ...entries(clang, '-arcmt-migrate-emit-errors -index-header-map --verify-debug-info', 'flag', local('rewriter')),
  ...entries(clang, '--analyzer-output -arcmt-migrate-report-output', 'separate', local('rewriter')),
  ...entries(clang, '-working-directory', 'separate', local('build-session')),
  ...entries(clang, '-working-directory=', 'joined', local('build-session')),
  ...entries(clang, '-cuid= -fuse-cuid=', 'joined', plain, word),
];
