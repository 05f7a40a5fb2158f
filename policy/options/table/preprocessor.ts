/**
 * The preprocessor: where headers are looked for, what is defined, dependency files.
 *
 * @module
 */
import { both, clang, entries, entry, gcc, local, plain, refused, text, word } from '../entries.ts';
import type { DependencyPart, Effect, SearchChain } from '../types.ts';

const search = (chain: SearchChain): Effect => ({ kind: 'search', chain });
const dependencies = (part: DependencyPart): Effect => ({ kind: 'dependencies', part });
const pch: Effect = local('precompiled-header');

export const preprocessor = [
  entry(both, '-I', 'either', search('user')),
  entry(both, '-I-', 'flag', local('unknown-option')),
  ...entries(both, '--include-directory', 'separate', search('user')),
  ...entries(both, '--include-directory=', 'joined', search('user')),
  entry(both, '-iquote', 'either', search('quote')),
  entry(both, '-isystem', 'either', search('system')),
  entry(clang, '-isystem-after', 'either', search('system-after')),
  entry(both, '-idirafter', 'either', search('after')),
  entry(both, '--include-directory-after', 'separate', search('after')),
  entry(both, '--include-directory-after=', 'joined', search('after')),
  entry(clang, '-cxx-isystem', 'either', search('cxx-system')),
  entry(clang, '-stdlib++-isystem', 'either', search('cxx-system')),
  entry(clang, '-F', 'either', search('framework')),
  entry(clang, '-iframework', 'either', search('framework')),
  entry(both, '-iprefix', 'either', search('prefix')),
  entry(both, '-iwithprefix', 'either', search('with-prefix')),
  entry(both, '-iwithprefixbefore', 'either', search('with-prefix-before')),
  entry(gcc, '--include-barrier', 'flag', local('unknown-option')),
  entry(gcc, '--include-prefix', 'separate', search('prefix')),
  entry(gcc, '--include-prefix=', 'joined', search('prefix')),
  ...entries(gcc, '--include-with-prefix --include-with-prefix-after', 'separate', search('with-prefix')),
  ...entries(gcc, '--include-with-prefix= --include-with-prefix-after=', 'joined', search('with-prefix')),
  entry(gcc, '--include-with-prefix-before', 'separate', search('with-prefix-before')),
  entry(gcc, '--include-with-prefix-before=', 'joined', search('with-prefix-before')),
  ...entries(clang, '-iframeworkwithsysroot -iwithsysroot -ivfsoverlay', 'either', local('sysroot')),
  ...entries(both, '-isysroot', 'either', local('sysroot')),
  ...entries(both, '--sysroot', 'separate', local('sysroot')),
  ...entries(both, '--sysroot=', 'joined', local('sysroot')),
  ...entries(gcc, '-imultilib -imultiarch', 'separate', local('sysroot')),
  ...entries(both, '-nostdinc -nostdinc++ --no-standard-includes', 'flag', plain),
  ...entries(clang, '-nobuiltininc -ibuiltininc -nostdlibinc', 'flag', plain),
  ...entries(clang, '--system-header-prefix= --no-system-header-prefix=', 'joined', plain, text),

  entry(both, '-include', 'either', { kind: 'include', macros: false }),
  entry(both, '--include', 'separate', { kind: 'include', macros: false }),
  entry(both, '--include=', 'joined', { kind: 'include', macros: false }),
  entry(both, '-imacros', 'either', { kind: 'include', macros: true }),
  entry(both, '--imacros', 'separate', { kind: 'include', macros: true }),
  entry(both, '--imacros=', 'joined', { kind: 'include', macros: true }),

  entry(both, '-D', 'either', { kind: 'define', undo: false }),
  entry(both, '--define-macro', 'separate', { kind: 'define', undo: false }),
  entry(both, '--define-macro=', 'joined', { kind: 'define', undo: false }),
  entry(both, '-U', 'either', { kind: 'define', undo: true }),
  entry(both, '--undefine-macro', 'separate', { kind: 'define', undo: true }),
  entry(both, '--undefine-macro=', 'joined', { kind: 'define', undo: true }),
  entry(gcc, '-A', 'either', plain),
  entry(gcc, '--assert', 'separate', plain),
  entry(gcc, '--assert=', 'joined', plain),
  entry(both, '-undef', 'flag', plain),
  entry(gcc, '-remap', 'flag', local('unknown-option')),
  ...entries(both, `
    -C -CC -P -H --comments --comments-in-macros --no-line-commands --trace-includes -trigraphs --trigraphs -traditional-cpp
    --traditional-cpp`, 'flag', plain),

  ...entries(both, '-M -MM -MG --dependencies --user-dependencies --print-missing-file-dependencies', 'flag', local('dependencies-only')),
  ...entries(both, '-MD --write-dependencies', 'flag', dependencies('all')),
  ...entries(both, '-MMD --write-user-dependencies', 'flag', dependencies('user')),
  entry(both, '-MF', 'either', dependencies('file')),
  entry(both, '-MT', 'either', dependencies('target')),
  entry(both, '-MQ', 'either', dependencies('quoted-target')),
  entry(both, '-MP', 'flag', dependencies('phony')),
  entry(clang, '-MV', 'flag', dependencies('plain')),

  // compiled headers and modules
  ...entries(clang, '-include-pch', 'separate', pch),
  ...entries(gcc, '--output-pch=', 'joined', pch),
  ...entries(both, '-fpch-deps -fpch-preprocess', 'flag', pch),
  ...entries(clang, '-relocatable-pch --relocatable-pch -fpch-codegen -fpch-debuginfo -fpch-instantiate-templates', 'flag', pch),
  ...entries(clang, '-fpch-validate-input-files-content -fvalidate-ast-input-files-content', 'flag', pch),
  ...entries(clang, '-fno-pch-codegen -fno-pch-debuginfo -fno-pch-instantiate-templates', 'flag', plain),
  // Enabled for every unit by build systems; what reads or writes a module is seen in the map and in the texts.
  entry(gcc, '-fmodules-ts', 'flag', plain),
  // A file: neither a program, a descriptor nor a socket. It must not name a module.
  entry(gcc, '-fmodule-mapper=', 'joined', { kind: 'input' }, /^(?!-)[\w.,+%/-]+$/),
  entry(gcc, '-fdeps-format=', 'joined', plain, /^p1689r5$/),
  entry(both, '-fmodule', 'joined', local('modules')),
  entry(clang, '-fmodules-user-build-path', 'separate', local('modules')),
  ...entries(both, '-fno-modules -fno-modules-ts -fno-cxx-modules -fno-implicit-modules -fno-implicit-module-maps', 'flag', plain),
  ...entries(clang, `
    -fcxx-modules -fimplicit-modules -fimplicit-module-maps -fbuiltin-module-map -fsystem-module`, 'flag', local('modules')),
  ...entries(clang, '-fprebuilt-implicit-modules -gmodules', 'flag', local('modules')),
  ...entries(clang, '-fprebuilt-module-path= -fdepfile-entry=', 'joined', local('modules')),
  ...entries(gcc, '-flang-info-', 'joined', local('modules')),
  ...entries(gcc, '-Mmodules -Mno-modules', 'flag', local('modules')),
  ...entries(gcc, '-fdeps-', 'joined', local('modules')),
  ...entries(clang, '-fbuild-session-file= -fbuild-session-timestamp=', 'joined', local('build-session')),

  // text that is read or written in another character set
  // What a text includes can only be told where its characters are those of ASCII.
  ...entries(both, '-finput-charset=', 'joined', plain, /^utf-?8$/i),
  ...entries(both, `
    -fexec-charset= -fwide-exec-charset=`, 'joined', plain, /^(?:utf-?8|utf-?16|utf-?32|utf-?16[lb]e|utf-?32[lb]e)$/i),

  // paths that are only text
  ...entries(both, `
    -ffile-prefix-map= -fmacro-prefix-map= -fdebug-prefix-map= -fprofile-prefix-map= -fcoverage-prefix-map=`, 'joined', plain, text),
  ...entries(both, '-fdebug-compilation-dir= -ffile-compilation-dir= -fcoverage-compilation-dir=', 'joined', plain, text),
  entry(clang, '-fdebug-compilation-dir', 'separate', plain, text),
  ...entries(gcc, '-fprofile-prefix-path=', 'joined', plain, text),
  ...entries(both, '-ftrack-macro-expansion= -fmax-include-depth=', 'joined', plain, word),
  ...entries(gcc, '-fpreprocessed -fdirectives-only', 'flag', local('preprocess-only')),
  ...entries(gcc, '-fno-preprocessed -fno-directives-only', 'flag', plain),
  ...entries(clang, '-frewrite-includes -frewrite-imports -fminimize-whitespace', 'flag', local('preprocess-only')),
  ...entries(clang, '-frewrite-map-file -frewrite-map-file=', 'joined', refused('rewriter')),
];
