/**
 * Attacks that run a program or plug-in of the attacker's choice.
 *
 * @module
 */
import { clang, compile, family, gcc } from './make.ts';

const evil = { 'evil/as': '{SCRIPT}', 'evil/cc1': '{SCRIPT}', 'evil/{TRIPLET}-as': '{SCRIPT}' };
const plugin = { 'evil.so': '{PLUGIN}' };

export const runCode = family('run code', { sign: 'ran' }, [
  {
    id: 'wrapper', tries: '-wrapper runs a shell', compilers: gcc, argv: compile('-wrapper', 'sh,-c,echo {RAN} >&2; : >{HOST}/out/ran'),
    wall: 'option-refused', short: true,
  },
  {
    id: 'wrapper-script', tries: '-wrapper runs a script of the job', compilers: gcc, argv: compile('-wrapper', '{WORK}/tool'),
    files: { tool: '{SCRIPT}' }, wall: 'option-refused',
  },
  {
    id: 'wrapper-host', tries: '-wrapper runs a program of the machine', compilers: gcc, argv: compile('-wrapper', '{HOST}/bin/tool'),
    wall: 'option-refused',
  },
  {
    id: 'b-separate', tries: '-B DIR takes as and cc1 from the job', compilers: gcc, argv: compile('-B', '{WORK}/evil'), files: evil,
    wall: 'option-refused',
  },
  {
    id: 'b-joined', tries: '-BDIR takes as and cc1 from the job', compilers: gcc, argv: compile('-B{WORK}/evil/'), files: evil,
    wall: 'option-refused',
  },
  {
    id: 'b-relative', tries: '-B with a relative directory', compilers: gcc, argv: compile('-Bevil/'), files: evil,
    wall: 'option-refused',
  },
  {
    id: 'b-host', tries: '-B takes tools from elsewhere on the machine', compilers: gcc, argv: compile('-B{HOST}/bin'),
    wall: 'option-refused',
  },
  {
    id: 'b-clang', tries: '-B with the external assembler', compilers: clang, argv: compile('-fno-integrated-as', '-B{WORK}/evil'),
    files: evil, wall: 'option-refused',
  },
  {
    id: 'prefix', tries: '--prefix=DIR, the long spelling of -B', compilers: gcc, argv: compile('--prefix={WORK}/evil'), files: evil,
    wall: 'option-refused',
  },
  {
    id: 'prefix-separate', tries: '--prefix DIR', compilers: gcc, argv: compile('--prefix', '{WORK}/evil'), files: evil,
    wall: 'option-refused',
  },
  {
    id: 'prefix-clang', tries: '--prefix=DIR with the external assembler', compilers: clang,
    argv: compile('-fno-integrated-as', '--prefix={WORK}/evil'), files: evil, wall: 'option-refused',
  },
  {
    id: 'specs', tries: '-specs= makes the driver run a shell', compilers: gcc, argv: compile('-specs=evil.specs'),
    files: { 'evil.specs': '.c:\n/bin/sh {WORK}/tool %i\n\n', tool: '{SCRIPT}' }, wall: 'option-refused',
  },
  {
    id: 'specs-long', tries: '--specs= makes the driver run a shell', compilers: gcc, argv: compile('--specs=evil.specs'),
    files: { 'evil.specs': '.c:\n/bin/sh {WORK}/tool %i\n\n', tool: '{SCRIPT}' }, wall: 'option-refused',
  },
  {
    id: 'specs-plugin', tries: 'a specs file that adds a plug-in', compilers: gcc, argv: compile('-specs={WORK}/evil.specs'),
    files: { ...plugin, 'evil.specs': '*cc1:\n+ -fplugin={WORK}/evil.so\n\n' }, wall: 'option-refused',
  },
  {
    id: 'plugin', tries: '-fplugin= loads an uploaded library', argv: compile('-fplugin={WORK}/evil.so'), files: plugin,
    wall: 'option-refused', short: true,
  },
  {
    id: 'plugin-host', tries: '-fplugin= loads a library of the machine', argv: compile('-fplugin={HOST}/plugin.so'),
    wall: 'option-refused',
  },
  {
    id: 'plugin-dir', tries: '-iplugindir= finds an uploaded plug-in by name', compilers: gcc,
    argv: compile('-iplugindir={WORK}', '-fplugin=evil'), files: plugin, wall: 'option-refused',
  },
  {
    id: 'pass-plugin', tries: '-fpass-plugin= loads an uploaded library', compilers: clang,
    argv: compile('-fpass-plugin={WORK}/evil.so'), files: plugin, wall: 'option-refused',
  },
  {
    id: 'xclang-load', tries: '-Xclang -load loads an uploaded library', compilers: clang,
    argv: compile('-Xclang', '-load', '-Xclang', '{WORK}/evil.so'), files: plugin, wall: 'option-refused', short: true,
  },
  {
    id: 'cc1-load', tries: '-cc1 -load loads an uploaded library', compilers: clang,
    argv: ['-cc1', '-load', '{WORK}/evil.so', '-emit-obj', 'a.c', '-o', 'a.o'], files: plugin, wall: 'option-refused',
  },
  {
    id: 'config', tries: '--config= adds a plug-in', compilers: clang, argv: compile('--config', '{WORK}/evil.cfg'),
    files: { ...plugin, 'evil.cfg': '-fplugin={WORK}/evil.so\n' }, wall: 'option-refused',
  },
  {
    id: 'response-file', tries: '@FILE adds a plug-in', argv: ['@evil.rsp', ...compile()],
    files: { ...plugin, 'evil.rsp': '-fplugin={WORK}/evil.so\n' }, wall: 'option-refused',
  },
  {
    id: 'response-file-last', tries: '@FILE where a value is expected', argv: [...compile('-D', '@evil.rsp')],
    files: { ...plugin, 'evil.rsp': 'X -fplugin={WORK}/evil.so\n' }, wall: 'option-refused',
  },
  {
    id: 'module-mapper', tries: '-fmodule-mapper= starts a program', compilers: ['g++'],
    argv: ['-std=c++20', '-fmodules-ts', '-fmodule-mapper=|{WORK}/tool', '-c', 'a.cc', '-o', 'a.o'],
    files: { 'a.cc': 'export module m;\n', tool: '{SCRIPT}' }, wall: 'option-refused',
  },
  {
    id: 'program', tries: 'the compiler is a program of the job', compilers: gcc, program: '{WORK}/tool', argv: compile(),
    files: { tool: '{SCRIPT}' }, wall: 'option-refused', short: true,
  },
  {
    id: 'program-dots', tries: 'the compiler is named through ..', compilers: gcc, program: '/usr/bin/../..{WORK}/tool',
    argv: compile(), files: { tool: '{SCRIPT}' }, wall: 'option-refused',
  },
  {
    id: 'program-link', tries: 'the compiler is a link of the job to a program of the job', compilers: gcc, program: '{WORK}/gcc',
    argv: compile(), files: { tool: '{SCRIPT}', gcc: { link: 'tool' } }, wall: 'option-refused',
  },
  {
    id: 'program-host', tries: 'the compiler is a program of the machine', compilers: gcc, program: '{HOST}/bin/tool', argv: compile(),
    wall: 'option-refused',
  },
  {
    id: 'program-shell', tries: 'the compiler is a shell', compilers: gcc, program: '/bin/sh', argv: ['-c', 'echo {RAN} >&2'],
    wall: 'option-refused',
  },
  {
    id: 'program-loader', tries: 'the compiler is the dynamic loader with an uploaded program', compilers: gcc, program: '{LOADER}',
    argv: ['--preload', '{WORK}/evil.so', '/usr/bin/gcc', '--version'], files: plugin, wall: 'option-refused',
  },
  {
    id: 'env-exec-prefix', tries: 'GCC_EXEC_PREFIX names a directory of the job', compilers: gcc, argv: compile(),
    env: { GCC_EXEC_PREFIX: '{WORK}/evil/' }, files: evil, wall: 'option-refused',
  },
  {
    id: 'env-compiler-path', tries: 'COMPILER_PATH names a directory of the job', compilers: gcc, argv: compile(),
    env: { COMPILER_PATH: '{WORK}/evil' }, files: evil, wall: 'option-refused',
  },
  {
    id: 'env-compiler-path-clang', tries: 'COMPILER_PATH and the external assembler', compilers: clang,
    argv: compile('-fno-integrated-as'), env: { COMPILER_PATH: '{WORK}/evil' }, files: evil, wall: 'option-refused',
  },
  {
    id: 'env-path', tries: 'PATH names a directory of the job', compilers: gcc, argv: compile(), env: { PATH: '{WORK}/evil' },
    files: evil, wall: 'option-refused',
  },
  {
    id: 'env-preload', tries: 'LD_PRELOAD of an uploaded library', argv: compile(), env: { LD_PRELOAD: '{WORK}/evil.so' },
    files: plugin, wall: 'option-refused', short: true,
  },
  {
    id: 'env-audit', tries: 'LD_AUDIT of an uploaded library', argv: compile(), env: { LD_AUDIT: '{WORK}/evil.so' }, files: plugin,
    wall: 'option-refused',
  },
  {
    id: 'env-library-path', tries: 'LD_LIBRARY_PATH with replaced libraries', compilers: gcc, argv: compile(),
    env: { LD_LIBRARY_PATH: '{WORK}/evil' },
    files: { 'evil/libz.so.1': '{PLUGIN}', 'evil/libzstd.so.1': '{PLUGIN}', 'evil/libm.so.6': '{PLUGIN}' }, wall: 'option-refused',
  },
  {
    id: 'env-gconv', tries: 'GCONV_PATH and a character set of the job\'s own', compilers: gcc, argv: compile('-finput-charset=EVIL'),
    env: { GCONV_PATH: '{WORK}/evil' },
    files: { 'evil/gconv-modules': 'module EVIL// INTERNAL evil 1\nmodule INTERNAL EVIL// evil 1\n', 'evil/evil.so': '{PLUGIN}' },
    wall: 'option-refused',
  },
  {
    id: 'env-override', tries: 'CCC_OVERRIDE_OPTIONS adds a plug-in', compilers: clang, argv: compile(),
    env: { CCC_OVERRIDE_OPTIONS: '+-fplugin={WORK}/evil.so' }, files: plugin, wall: 'option-refused',
  },

  // inputs where the toolchain itself looks
  {
    id: 'shadow-as', tries: 'an input at /usr/bin/as', compilers: gcc, argv: compile(), files: { '/usr/bin/as': '{SCRIPT}' },
    proof: 'laid out', wall: 'path-refused', short: true,
  },
  {
    id: 'shadow-cc1', tries: 'an input in the place of cc1', compilers: gcc, argv: compile(), files: { '{GCC}/cc1': '{SCRIPT}' },
    proof: 'laid out', wall: 'path-refused',
  },
  {
    id: 'shadow-specs', tries: 'an input at /usr/lib/gcc/…/specs', compilers: gcc, argv: compile(),
    files: { ...plugin, '{GCC}/specs': '*cc1:\n+ -fplugin={WORK}/evil.so\n\n' }, proof: 'laid out', wall: 'path-refused',
  },
  {
    id: 'shadow-preload', tries: 'an input at /etc/ld.so.preload', argv: compile(),
    files: { ...plugin, '/etc/ld.so.preload': '{WORK}/evil.so\n' }, proof: 'laid out', wall: 'path-refused',
  },
  {
    id: 'shadow-libc', tries: 'an input in the place of a library', compilers: gcc, argv: compile(), files: { '{LIBM}': '{PLUGIN}' },
    proof: 'laid out', wall: 'path-refused',
  },
  {
    id: 'shadow-compiler', tries: 'an input in the place of the compiler', argv: compile(), compilers: gcc,
    files: { '{DRIVER}': '{SCRIPT}' }, proof: 'laid out', wall: 'path-refused',
  },
  {
    id: 'shadow-gcc-dir', tries: 'a program among the compiler\'s own headers', compilers: gcc, argv: compile('-B{GCC}/include'),
    files: { '{GCC}/include/as': '{SCRIPT}' }, proof: 'laid out', wall: 'option-refused',
  },
]);
