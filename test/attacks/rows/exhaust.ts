/**
 * Attacks that take more than a job is given. What bounds them is the sandbox; nobody can see it in a command.
 *
 * @module
 */
import { clang, compile, family, gcc } from './make.ts';

const endlessConstant = `constexpr long f(long n) {
  long s = 0;
  for (long i = 0; i < n; i++) for (long j = 0; j < n; j++) s += i ^ j;
  return s;
}
constexpr long x = f(1000000);
`;

const doublingTemplates = `template <int N, int M> struct T { static constexpr int value = T<N - 1, 2 * M>::value + T<N - 1, 2 * M + 1>::value; };
template <int M> struct T<0, M> { static constexpr int value = 1; };
int x = T<30, 0>::value;
`;

export const exhaust = family('exhaust', { sign: 'exceeded' }, [
  {
    id: 'templates', tries: 'templates that double thirty times', compilers: ['g++'], argv: ['-c', 'a.cc', '-o', 'a.o'],
    files: { 'a.cc': doublingTemplates },
    wall: 'blind', short: true,
  },
  {
    id: 'templates-clang', tries: 'templates that double thirty times', compilers: ['clang++'], argv: ['-c', 'a.cc', '-o', 'a.o'],
    files: { 'a.cc': doublingTemplates },
    wall: 'blind',
  },
  {
    id: 'constexpr', tries: 'a constant expression without end', compilers: ['clang++'],
    argv: ['-std=c++17', '-fconstexpr-steps=2147483647', '-c', 'a.cc', '-o', 'a.o'],
    files: { 'a.cc': endlessConstant },
    wall: 'blind',
  },
  {
    id: 'constexpr-gcc', tries: 'a constant expression without end', compilers: ['g++'],
    argv: ['-std=c++17', '-fconstexpr-ops-limit=2147483647', '-fconstexpr-loop-limit=2147483647', '-c', 'a.cc', '-o', 'a.o'],
    files: { 'a.cc': endlessConstant },
    wall: 'blind',
  },
  {
    id: 'huge-array', tries: 'an initialised array of 8 GiB', argv: compile(), compilers: gcc,
    files: { 'a.c': 'char a[1UL << 33] = {1};\n' }, wall: 'blind', short: true,
  },
  {
    id: 'zero', tries: '.zero 1<<40', argv: compile(), files: { 'a.c': '__asm__(".data\\n.zero 1<<40");\n' }, wall: 'blind',
    compilers: gcc,
  },
  {
    id: 'zero-clang', tries: '.zero 1<<34', argv: compile(), files: { 'a.c': '__asm__(".data\\n.zero 1<<34");\n' }, wall: 'blind',
    compilers: clang,
  },
  {
    id: 'rept', tries: '.rept 1000000000', argv: compile(),
    files: { 'a.c': '__asm__(".data\\n.rept 1000000000\\n.quad 1\\n.endr");\n' }, wall: 'blind',
  },
  {
    id: 'fill', tries: '.fill of 4 GiB', argv: compile(), files: { 'a.c': '__asm__(".data\\n.fill 0x3fffffff, 4, 0x41414141");\n' },
    wall: 'blind', compilers: gcc,
  },
  {
    id: 'errors', tries: '60,000 errors', argv: compile('-fmax-errors=0'), compilers: gcc,
    files: { 'a.c': Array.from({ length: 60_000 }, (_, index) => `int x${index} = y${index};\n`).join('') }, wall: 'blind',
  },
  {
    id: 'errors-clang', tries: '60,000 errors', argv: compile('-ferror-limit=0'), compilers: clang,
    files: { 'a.c': Array.from({ length: 60_000 }, (_, index) => `int x${index} = y${index};\n`).join('') }, wall: 'blind',
  },
  {
    id: 'long-line', tries: 'one line of 4 MB in a diagnostic', argv: compile(),
    files: { 'a.c': `int x = y; /* ${'x'.repeat(4 << 20)} */\nint ${'z'.repeat(1 << 20)} = q;\n` }, wall: 'blind', compilers: gcc,
    short: true,
  },
  {
    id: 'pragma-message', tries: '#warning that repeats itself through an include', argv: compile('-fmax-include-depth=1000000'),
    files: {
      'a.c': `#warning ${'again and '.repeat(8)}again\n#include "a.c"\n`,
    },
    wall: 'blind', compilers: gcc,
  },
  {
    id: 'macro-bomb', tries: 'macros that double thirty times', argv: compile(),
    files: {
      'a.c': [
        '#define A0 x,x,x,x,x,x,x,x', ...Array.from({ length: 30 }, (_, index) => `#define A${index + 1} A${index},A${index}`),
        'int f(int, ...);', 'int x;', 'int g(void) { return f(A30); }', '',
      ].join('\n'),
    },
    wall: 'blind', compilers: gcc,
  },
  {
    id: 'include-recursion', tries: 'a header that includes itself twice', argv: compile('-fmax-include-depth=60'),
    files: { 'a.c': '#include "a.h"\n', 'a.h': '#if __INCLUDE_LEVEL__ < 40\n#include "a.h"\n#include "a.h"\n#endif\n' }, wall: 'blind',
    compilers: gcc,
  },
  {
    id: 'include-recursion-clang', tries: 'a header that includes itself twice', argv: compile(),
    files: { 'a.c': '#include "a.h"\n', 'a.h': '#if __INCLUDE_LEVEL__ < 40\n#include "a.h"\n#include "a.h"\n#endif\n' }, wall: 'blind',
    compilers: clang,
  },
  {
    id: 'big-object', tries: 'an object larger than an output may be', argv: compile(),
    files: { 'a.c': `const char a[] = {1};\n__asm__(".data\\n.rept 3000000\\n.quad 1\\n.endr");\n` }, wall: 'blind',
  },
  {
    id: 'sparse-object', tries: 'a sparse object of 1 TiB through .org', argv: compile(),
    files: { 'a.c': '__asm__(".data\\n.org 0x4000000000\\n.byte 1");\n' }, wall: 'blind', compilers: gcc,
  },
  {
    id: 'deep-nesting', tries: 'a million nested parentheses', argv: compile('-fbracket-depth=2000000'),
    files: { 'a.c': `int x = ${'('.repeat(1_000_000)}1${')'.repeat(1_000_000)};\n` }, wall: 'blind', compilers: clang,
  },
  {
    id: 'optimizer', tries: 'code that the optimizer takes minutes for', argv: compile('-O3', '-funroll-all-loops'),
    files: {
      'a.c': [
        'int f(int);', 'int g(int x) {',
        ...Array.from({ length: 12_000 }, (_, index) => `if (f(x + ${index}) > f(x * ${index})) x += f(x ^ ${index});`), 'return x; }', '',
      ].join('\n'),
    },
    wall: 'blind',
  },
]);
