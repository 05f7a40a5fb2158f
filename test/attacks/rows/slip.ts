/**
 * Attacks that hide a forbidden option from whoever reads the command.
 *
 * @module
 */
import { clang, compile, family, gcc } from './make.ts';

const plugin = { 'evil.so': '{PLUGIN}' };

export const slip = family('slip past the parser', { sign: 'ran', files: plugin }, [
  {
    id: 'for-assembler', tries: '--for-assembler, the long spelling of -Xassembler', compilers: gcc,
    argv: compile('--for-assembler', '-a={HOST}/out/listing'), sign: 'wrote', wall: 'option-refused',
  },
  {
    id: 'compile-long', tries: '--compile in the place of -c', compilers: gcc,
    argv: ['--compile', 'a.c', '-fplugin={WORK}/evil.so', '-o', 'a.o'], wall: 'option-refused',
  },
  {
    id: 'value-looks-harmless', tries: 'an option after one that seems to take it as its value',
    argv: compile('-Winvalid-pch', '-fplugin={WORK}/evil.so'), wall: 'option-refused',
  },
  {
    id: 'after-output', tries: 'a plug-in after -o', argv: ['-c', 'a.c', '-o', 'a.o', '-fplugin={WORK}/evil.so'],
    wall: 'option-refused', short: true,
  },
  { id: 'joined-d', tries: '-D joined, then a plug-in', argv: compile('-DX', '-fplugin={WORK}/evil.so'), wall: 'option-refused' },
  {
    id: 'joined-i', tries: '-I joined with an empty value elsewhere', argv: compile('-I.', '-fplugin={WORK}/evil.so'),
    wall: 'option-refused',
  },
  {
    id: 'wp-plugin', tries: '-Wp,-fplugin=', compilers: gcc, argv: compile('-Wp,-fplugin={WORK}/evil.so'), wall: 'option-refused',
    short: true,
  },
  {
    id: 'xpreprocessor-plugin', tries: '-Xpreprocessor -fplugin=', compilers: gcc,
    argv: compile('-Xpreprocessor', '-fplugin={WORK}/evil.so'), wall: 'option-refused',
  },
  {
    id: 'xclang-plugin', tries: '-Xclang -add-plugin behind -Xclang -load', compilers: clang,
    argv: compile('-Xclang', '-load', '-Xclang', '{WORK}/evil.so', '-Xclang', '-add-plugin', '-Xclang', 'x'), wall: 'option-refused',
  },
  {
    id: 'driver-mode', tries: '--driver-mode=cl reads other options', compilers: clang,
    argv: ['--driver-mode=cl', '/c', 'a.c', '/FI{HOST}/inc/secret.h', '-Foa.o'], sign: 'read', wall: 'option-refused',
  },
  {
    id: 'two-sources', tries: 'a second source that nobody looks at',
    argv: ['-c', 'a.c', '-x', 'assembler-with-cpp', '{HOST}/secret.txt'], sign: 'read', wall: 'option-refused',
  },
  {
    id: 'language-between', tries: '-x between files', argv: ['-xc', '-c', 'a.c', '-xassembler', 'b.c'],
    files: { 'b.c': '.incbin "{HOST}/secret.txt"\n' }, outputs: ['{WORK}/b.o'], sign: 'read', wall: 'option-refused',
  },
  {
    id: 'language-joined', tries: '-xassembler joined', argv: ['-xassembler', '-c', 'a.c', '-o', 'a.o'],
    files: { 'a.c': '.incbin "{HOST}/secret.txt"\n' }, sign: 'read', wall: 'option-refused',
  },
  {
    id: 'language-last', tries: 'a harmless -x, then another', argv: ['-x', 'c', '-x', 'assembler', '-c', 'a.c', '-o', 'a.o'],
    files: { 'a.c': '.incbin "{HOST}/secret.txt"\n' }, sign: 'read', wall: 'option-refused',
  },
  {
    id: 'stage-twice', tries: '-c, then -E: the preprocessor prints what it reads', argv: ['-c', '-E', 'a.c'],
    files: { 'a.c': '#include "{HOST}/secret.txt"\n' }, sign: 'read', wall: 'option-refused',
  },
  {
    id: 'output-twice', tries: '-o twice, the second elsewhere', compilers: clang,
    argv: ['-c', 'a.c', '-o', 'a.o', '-o', '{HOST}/precious.txt'], sign: 'wrote', wall: 'option-refused',
  },
  {
    id: 'depfile-twice', tries: '-MF twice, the second elsewhere', argv: compile('-MD', '-MF', 'a.d', '-MF', '{HOST}/out/dep'),
    sign: 'wrote', wall: 'option-refused',
  },
  {
    id: 'wa-comma', tries: 'a forbidden piece behind a permitted one in -Wa,', compilers: gcc,
    argv: compile('-Wa,--noexecstack,--MD,{HOST}/out/dep'), sign: 'wrote', wall: 'option-refused',
  },
  {
    id: 'response-nested', tries: 'a response file that names another', argv: ['@one.rsp', ...compile()],
    files: { 'one.rsp': '@two.rsp\n', 'two.rsp': '-fplugin={WORK}/evil.so\n' }, wall: 'option-refused',
  },
  {
    id: 'response-as-source', tries: '@FILE in the place of the source', argv: ['-c', '@evil.rsp', '-o', 'a.o'],
    files: { 'evil.rsp': 'a.c -fplugin={WORK}/evil.so\n' }, wall: 'option-refused',
  },
  {
    id: 'preprocess-output', tries: '-M -MF writes anywhere', argv: ['-M', '-MF', '{HOST}/out/dep', 'a.c'], sign: 'wrote',
    wall: 'option-refused',
  },
  {
    id: 'link-program', tries: 'no -c: a program is linked and written', argv: ['a.c', '-o', '{HOST}/out/program'],
    files: { 'a.c': 'int main(void) { return 0; }\n' }, sign: 'wrote', wall: 'option-refused',
  },
]);
