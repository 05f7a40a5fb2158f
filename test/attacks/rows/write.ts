/**
 * Attacks that write where the job has no business.
 *
 * @module
 */
import { clang, compile, family, gcc } from './make.ts';

export const write = family('write', { sign: 'wrote' }, [
  { id: 'output-host', tries: '-o a file of the machine', argv: ['-c', 'a.c', '-o', '{HOST}/precious.txt'], wall: 'blind', short: true },
  { id: 'output-dots', tries: '-o through ..', argv: ['-c', 'a.c', '-o', '../host/precious.txt'], wall: 'blind' },
  {
    id: 'output-asked', tries: 'a file of the machine asked for as the output', argv: ['-c', 'a.c', '-o', '{HOST}/precious.o'],
    outputs: ['{HOST}/precious.o'], wall: 'blind', short: true,
  },
  {
    id: 'output-link', tries: 'the output is a link of the job to a file of the machine', compilers: gcc,
    argv: ['-S', 'a.c', '-o', 'a.s'], outputs: ['{WORK}/a.s'], files: { 'a.s': { link: '{HOST}/precious.txt' } }, wall: 'blind',
    short: true,
  },
  {
    id: 'depfile-link', tries: 'the dependency file is a link of the job to a file of the machine', argv: compile('-MD', '-MF', 'a.d'),
    outputs: ['{WORK}/a.o', '{WORK}/a.d'], files: { 'a.d': { link: '{HOST}/precious.txt' } }, wall: 'blind',
  },
  {
    id: 'stack-usage-link', tries: 'a .su file that is a link of the job', argv: compile('-fstack-usage'),
    outputs: ['{WORK}/a.o', '{WORK}/a.su'], files: { 'a.c': 'int f(void) { return 1; }\n', 'a.su': { link: '{HOST}/precious.txt' } },
    wall: 'blind',
  },
  {
    id: 'output-link-directory', tries: 'the output lies behind a link to a directory of the machine',
    argv: ['-c', 'a.c', '-o', 'link/x.o'], outputs: ['{WORK}/link/x.o'], files: { link: { link: '{HOST}/out' } }, wall: 'tree-invalid',
  },
  { id: 'output-long', tries: '--output=FILE', argv: ['-c', 'a.c', '--output={HOST}/precious.txt'], wall: 'blind' },
  { id: 'output-joined', tries: '-oFILE', argv: ['-c', 'a.c', '-o{HOST}/precious.txt'], wall: 'blind' },
  { id: 'depfile', tries: '-MF a file of the machine', argv: compile('-MD', '-MF', '{HOST}/out/dep'), wall: 'blind', short: true },
  { id: 'depfile-joined', tries: '-MFFILE', argv: compile('-MD', '-MF{HOST}/precious.txt'), wall: 'blind' },
  { id: 'depfile-wp', tries: '-Wp,-MD,FILE', argv: compile('-Wp,-MD,{HOST}/out/dep'), wall: 'blind' },
  { id: 'depfile-wp-two', tries: '-Wp,-MD,FILE twice', argv: compile('-Wp,-MD,a.d', '-Wp,-MMD,{HOST}/out/dep'), wall: 'option-refused' },
  {
    id: 'depfile-xpreprocessor', tries: '-Xpreprocessor -MD',
    argv: compile('-Xpreprocessor', '-MD', '-Xpreprocessor', '{HOST}/out/dep'), wall: 'option-refused', compilers: gcc,
  },
  { id: 'depfile-wa', tries: '-Wa,--MD,FILE', argv: compile('-Wa,--MD,{HOST}/out/dep'), wall: 'option-refused', compilers: gcc },
  { id: 'listing', tries: '-Wa,-a=FILE', argv: compile('-Wa,-a={HOST}/out/listing'), wall: 'option-refused', compilers: gcc, short: true },
  {
    id: 'listing-second', tries: '-Wa,-a=FILE behind a harmless piece', argv: compile('-Wa,--noexecstack,-ahls={HOST}/out/listing'),
    wall: 'option-refused', compilers: gcc,
  },
  {
    id: 'listing-xassembler', tries: '-Xassembler -a=FILE', argv: compile('-Xassembler', '-a={HOST}/out/listing'),
    wall: 'option-refused', compilers: gcc,
  },
  {
    id: 'dumpdir', tries: '-dumpdir elsewhere', argv: compile('-fstack-usage', '-dumpdir', '{HOST}/out/'), wall: 'option-refused',
    compilers: gcc,
  },
  {
    id: 'dumpbase', tries: '-dumpbase with ..', argv: compile('-fstack-usage', '-dumpbase', '../host/out/x'), wall: 'option-refused',
    compilers: gcc,
  },
  {
    id: 'dump-tree', tries: '-fdump-tree-all=FILE', argv: compile('-O1', '-fdump-tree-original={HOST}/out/dump'),
    wall: 'option-refused', compilers: gcc,
  },
  {
    id: 'dump-passes', tries: '-fdump-passes files in the working directory', argv: compile('-O1', '-fdump-tree-all'),
    wall: 'option-refused', compilers: gcc,
  },
  { id: 'dump-rtl', tries: '-da', argv: compile('-O1', '-da'), wall: 'option-refused', compilers: gcc },
  {
    id: 'dump-final', tries: '-fdump-final-insns=FILE', argv: compile('-fdump-final-insns={HOST}/out/insns'), wall: 'option-refused',
    compilers: gcc,
  },
  { id: 'dump-ada', tries: '-fdump-ada-spec', argv: compile('-fdump-ada-spec'), wall: 'option-refused', compilers: gcc },
  { id: 'dump-go', tries: '-fdump-go-spec=FILE', argv: compile('-fdump-go-spec={HOST}/out/go'), wall: 'option-refused', compilers: gcc },
  {
    id: 'opt-info', tries: '-fopt-info-all=FILE', argv: compile('-O3', '-fopt-info-all={HOST}/out/info'),
    files: { 'a.c': 'int f(int *a) { int s = 0; for (int i = 0; i < 64; i++) s += a[i]; return s; }\n' }, wall: 'option-refused',
    compilers: gcc,
  },
  {
    id: 'callgraph', tries: '-fcallgraph-info beside -dumpdir', argv: compile('-fcallgraph-info', '-dumpdir', '{HOST}/out/'),
    wall: 'option-refused', compilers: gcc, files: { 'a.c': 'int f(void) { return 1; }\n' },
  },
  {
    id: 'optimization-record', tries: '-fsave-optimization-record', argv: compile('-O2', '-fsave-optimization-record'),
    wall: 'option-refused',
  },
  {
    id: 'optimization-record-file', tries: '-foptimization-record-file=FILE',
    argv: compile('-O2', '-foptimization-record-file={HOST}/out/record'), wall: 'option-refused', compilers: clang,
  },
  { id: 'save-temps', tries: '-save-temps leaves files that nobody asked for', argv: compile('-save-temps'), wall: 'option-refused' },
  {
    id: 'save-temps-obj', tries: '-save-temps=obj beside an output elsewhere',
    argv: ['-save-temps=obj', '-c', 'a.c', '-o', '{HOST}/out/a.o'], wall: 'option-refused',
  },
  {
    id: 'serialize', tries: '--serialize-diagnostics FILE', argv: compile('--serialize-diagnostics', '{HOST}/out/diag'), wall: 'blind',
    compilers: clang,
  },
  { id: 'time-trace', tries: '-ftime-trace=FILE', argv: compile('-ftime-trace'), wall: 'blind', compilers: clang },
  {
    id: 'split-dwarf', tries: '-gsplit-dwarf beside an output elsewhere',
    argv: ['-g', '-gsplit-dwarf', '-c', 'a.c', '-o', '{HOST}/out/a.o'], wall: 'blind',
  },
  {
    id: 'coverage', tries: '--coverage beside an output elsewhere', argv: ['--coverage', '-c', 'a.c', '-o', '{HOST}/out/a.o'],
    files: { 'a.c': 'int f(void) { return 1; }\n' }, wall: 'blind',
  },
  {
    id: 'stack-usage', tries: '-fstack-usage beside an output elsewhere', argv: ['-fstack-usage', '-c', 'a.c', '-o', '{HOST}/out/a.o'],
    files: { 'a.c': 'int f(void) { return 1; }\n' }, wall: 'blind',
  },
  {
    id: 'profile-dir', tries: '-fprofile-note=FILE', argv: compile('--coverage', '-fprofile-note={HOST}/out/note'),
    files: { 'a.c': 'int f(void) { return 1; }\n' }, wall: 'option-refused', compilers: gcc,
  },
  {
    id: 'proc-stat', tries: '-fproc-stat-report=FILE', argv: compile('-fproc-stat-report={HOST}/out/stat'), wall: 'option-refused',
    compilers: clang,
  },
  {
    id: 'header-list', tries: '-Xclang -header-include-file',
    argv: compile('-Xclang', '-header-include-file', '-Xclang', '{HOST}/out/headers', '-H'),
    files: { 'a.c': '#include "a.h"\n', 'a.h': '\n' }, wall: 'option-refused', compilers: clang,
  },
  {
    id: 'xclang-depfile', tries: '-Xclang -dependency-file',
    argv: compile('-Xclang', '-dependency-file', '-Xclang', '{HOST}/out/dep', '-Xclang', '-MT', '-Xclang', 'x'), wall: 'option-refused',
    compilers: clang,
  },
  {
    id: 'pch', tries: 'a precompiled header is written where nobody asked', argv: ['-x', 'c-header', 'a.h', '-o', '{HOST}/out/a.gch'],
    files: { 'a.h': 'int a;\n' }, wall: 'option-refused',
  },
  {
    id: 'modules-cache', tries: '-fmodules-cache-path= elsewhere', argv: compile('-fmodules', '-fmodules-cache-path={HOST}/out/cache'),
    files: { 'a.c': '#include "m.h"\n', 'm.h': 'int m;\n', 'module.modulemap': 'module m { header "m.h" }\n' }, wall: 'option-refused',
    compilers: clang,
  },
  {
    id: 'crash-directory', tries: '-gen-reproducer writes into -fcrash-diagnostics-dir=',
    argv: compile('-gen-reproducer', '-fcrash-diagnostics-dir={HOST}/out'), wall: 'option-refused', compilers: clang,
  },
  {
    id: 'env-dependencies', tries: 'DEPENDENCIES_OUTPUT names a file', argv: compile(), env: { DEPENDENCIES_OUTPUT: '{HOST}/out/dep' },
    wall: 'option-refused', compilers: gcc, short: true,
  },
  {
    id: 'env-sunpro', tries: 'SUNPRO_DEPENDENCIES names a file', argv: compile(), env: { SUNPRO_DEPENDENCIES: '{HOST}/out/dep x.o' },
    wall: 'option-refused', compilers: gcc,
  },
  {
    id: 'env-print-options', tries: 'CC_PRINT_OPTIONS_FILE names a file', argv: compile(),
    env: { CC_PRINT_OPTIONS: '1', CC_PRINT_OPTIONS_FILE: '{HOST}/out/options' }, wall: 'option-refused', compilers: clang,
  },
  {
    id: 'env-print-headers', tries: 'CC_PRINT_HEADERS_FILE names a file', argv: compile(),
    files: { 'a.c': '#include "a.h"\n', 'a.h': '\n' }, env: { CC_PRINT_HEADERS: '1', CC_PRINT_HEADERS_FILE: '{HOST}/out/headers' },
    wall: 'option-refused', compilers: clang,
  },
  {
    id: 'env-log-diagnostics', tries: 'CC_LOG_DIAGNOSTICS_FILE names a file', argv: compile(), files: { 'a.c': 'int x = y;\n' },
    env: { CC_LOG_DIAGNOSTICS: '1', CC_LOG_DIAGNOSTICS_FILE: '{HOST}/out/log' }, wall: 'option-refused', compilers: clang,
  },
  {
    id: 'env-tmpdir', tries: 'TMPDIR names a directory of the machine', argv: compile('-save-temps=cwd', '-v'),
    env: { TMPDIR: '{HOST}/out' }, wall: 'option-refused', compilers: gcc,
  },
  {
    id: 'env-profile', tries: 'GCOV_PREFIX and friends do not travel', argv: compile('-save-temps'), env: { GCOV_PREFIX: '{HOST}/out' },
    wall: 'option-refused', compilers: gcc,
  },
]);
