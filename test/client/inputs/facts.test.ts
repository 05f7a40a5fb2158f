import test from 'ava';
import fc from 'fast-check';
import { factsOf, noFacts, type Facts } from '../../../client/inputs/facts.ts';
import { cpuMs } from '../../fixtures/cpu-time.ts';

const facts = (text: string): Facts => factsOf(Buffer.from(text));
const names = (text: string): string[] => (facts(text).includes ?? []).map(({ name, quoted }) => (quoted ? `"${name}"` : `<${name}>`));

test('every spelling of #include is one', (t) => {
  const spellings = [
    '#include "x.h"', '  #  include   "x.h"', '#\tinclude\t"x.h" // why', '#include/**/"x.h"', '/* */ # /* a\nb */ include /* */ "x.h"',
    '#inc\\\nlude "x.h"', '#include \\\r\n"x.h"', '#include \\ \n"x.h"', '%:include "x.h"', '??=include "x.h"', '#import "x.h"',
      '/*\n*/#include "x.h"',
    '\ufeff#include "x.h"', '\0#include\0"x.h"', '\u00a0#include "x.h"', 'int a;\r#include "x.h"\r', 'int a;\r\n#include "x.h"\r\n',
    '#include"x.h"', 'int a; // "\n#include "x.h"', 'R"(/*)" \n#include "x.h"\n/* */',
  ];
  for (const spelling of spellings) t.deepEqual(names(spelling), ['"x.h"'], spelling);
  t.deepEqual(names('#include <a/b.h>\n#include "x.h"\n#include <a/b.h>'), ['<a/b.h>', '"x.h"']);
  t.deepEqual(names('#include "é.h"'), ['"é.h"']);
});

test('comments are not told apart from code, but a directive begins its line or follows a comment', (t) => {
  t.deepEqual(names('/*\n#include "a.h"\n*/'), ['"a.h"']);
  t.deepEqual(names('x */ #include "a.h"'), ['"a.h"']);
  t.deepEqual(names('// #include "a.h"\n * #include <b.h>\n"#include <c.h>"\nf(#include "d.h"'), []);
});

test('text that names nothing has no facts', (t) => {
  t.is(facts('int main(void) { return 0; }\n'), noFacts);
  t.is(facts(''), noFacts);
  t.deepEqual(names('#include_me "x.h"\n#includes "x.h"'), []);
});

test('computed includes are known by the macro', (t) => {
  t.deepEqual(facts('#include HEADER\n#include F(x)').computed, ['HEADER', 'F']);
  t.deepEqual(facts('#include \u00e9').computed, ['?']);
  t.is(facts('#include ... in text').computed, undefined);
});

test('#include_next is kept apart', (t) => {
  t.deepEqual(facts('#include_next <a.h>').nexts, [{ name: 'a.h', quoted: false }]);
});

test('questions and embedded files are looked up everywhere', (t) => {
  const asks = (text: string): string[] => (facts(text).asks ?? []).map(({ name }) => name);
  t.deepEqual(asks('#if __has_include(<a.h>) || __has_include_next ( "b.h" ) || __has_embed("c")'), ['a.h', 'b.h', 'c']);
  t.deepEqual(asks('#if FMT_HAS_INCLUDE(<a.h>) && HAS_INCLUDE("b.h") && X_HAS_INCLUDE_NEXT(<c.h>)'), ['a.h', 'b.h', 'c.h']);
  t.deepEqual(asks('#embed <d.bin> limit(3)'), ['d.bin']);
  t.deepEqual(asks('asm(".incbin \\"e.bin\\"");\nasm(".include \\"f.inc\\"\\n");'), ['e.bin', 'f.inc']);
  t.deepEqual(asks('.incbin "g.bin", 0, 4\n'), ['g.bin']);
  t.deepEqual(asks('.INCBIN "h.bin"\n.Include "i.inc"\n'), ['h.bin', 'i.inc']);
});

test('a macro that passes a question on and is named like one is none, nor is talk about it', (t) => {
  for (const text of [
    '#define FMT_HAS_INCLUDE(x) __has_include(x)', '#  define HAS_INCLUDE( x ) (defined(__has_include) && __has_include ( x ))',
    '#define A_HAS_INCLUDE(y) B_HAS_INCLUDE(y)', '#define FMT_HAS_INCLUDE(x) 0', '#define X_HAS_INCLUDE 1\n#if X_HAS_INCLUDE',
    '#ifdef __has_include\n#endif // __has_include', '#if defined(__has_include) && defined __has_include_next', '#undef __has_include',
    'x->has_include(y); f(has_include, 3);', '// what __has_include(x) says', '#define X 1 // for want of __has_include',
  ]) t.deepEqual(facts(text).obstacles ?? [], text.includes('what __has') ? ['computed-has-include'] : [], text);
});

test('a question that another name or the expansion of a macro asks is an obstacle', (t) => {
  for (const text of [
    '#define HAS(x) __has_include(x)', '#define HAS __has_include', '#define HAS X_HAS_INCLUDE', '#if CALL(__has_include, <a.h>)',
    '#if FMT_HAS_INCLUDE(FILE)', '#define X_HAS_INCLUDE(x, y) __has_include(x)', '#define X_HAS_INCLUDE(x) __has_include(FILE)',
    '#define X_HAS_INCLUDE(x) __has_include(<x/a.h>)', `#define ${'x'.repeat(3000)} __has_include`, '#define X __has_include(<\u00e9.h>)',
  ]) t.deepEqual(facts(text).obstacles, ['computed-has-include'], text);
  t.deepEqual(facts('#define HAS_EMBED(x, y) __has_embed(x)').obstacles, ['computed-embed']);
});

test('what a macro asks for is known to be asked for indirectly', (t) => {
  const indirect = (text: string): string[] => (facts(text).indirect ?? []).map(({ name, quoted }) => (quoted ? `"${name}"` : `<${name}>`));
  t.deepEqual(indirect('#if X_HAS_INCLUDE(<sys/a-b.h>)\n#define Y __has_include(<c>)\n#define Z __has_include("d.h")'), ['<sys/a-b.h>', '<c>', '"d.h"']);
  t.deepEqual(indirect('#if __has_include(<sys/a.h>) || X_HAS_INCLUDE("b.h")'), []);
});

test('what is computed, and what depends on time, is an obstacle', (t) => {
  const obstacles = (text: string): readonly string[] => facts(text).obstacles ?? [];
  t.deepEqual(obstacles('#define HAS(x) __has_include(x)'), ['computed-has-include']);
  t.deepEqual(obstacles('#ifndef __has_include\n#define __has_include(x) 0\n#endif\n#if defined __has_include'), []);
  t.deepEqual(obstacles('#embed FILE'), ['computed-embed']);
  t.deepEqual(obstacles('asm(".incbin \\"" FILE "\\"");'), ['assembler-file']);
  t.deepEqual(obstacles('.incbin \\file'), ['assembler-file']);
  t.deepEqual(obstacles('const char *t = __DATE__ " " __TIME__;'), ['date-or-time']);
  t.deepEqual(obstacles('f(__TIMESTAMP__)'), ['timestamp']);
  t.deepEqual(obstacles('/* __DATE__ */ // __TIME__\nint x__DATE__y;'), []);
  t.deepEqual(obstacles('"/*" __DATE__ "*/"'), ['date-or-time']);
  t.deepEqual(obstacles('#pragma GCC dependency "a.y"'), ['file-dependency']);
  t.deepEqual(obstacles('#pragma include_alias("a", "b")'), ['include-alias']);
});

test('a question that is put together is an obstacle, other names that begin like one are none', (t) => {
  const asked = (text: string): boolean => facts(text).obstacles?.includes('computed-has-include') ?? false;
  for (const text of [
    '#define CAT(a, b) a##b\n#if CAT(__has_, include)("a.h")', '#if CAT(__has, _include)("a.h")', '#if CAT(__, has_include)("a.h")',
    '#define H(x) __has_ ## x\n#if H(include)("a.h")',
  ]) t.true(asked(text), text);
  for (const text of ['#define T(x) struct __has_##x', '/* __has_include argument */']) t.false(asked(text), text);
});

test('a name for the assembler that is put together is an obstacle, a string that ends in a directive is none', (t) => {
  const read = (text: string): boolean => facts(text).obstacles?.includes('assembler-file') ?? false;
  for (const text of ['asm(".incbin" " \\"a\\"");', 'asm(".include " NAME);', 'asm(".include " NAME "\\n");', 'asm(".include \\"" NAME "\\"");']) t.true(read(text), text);
  for (const text of ['{ ".include", f },', 'f("x.include");', '.include "a"', 'the .include files']) t.false(read(text), text);
});

test('a time counts wherever it is certain to be no comment, or where that is uncertain', (t) => {
  const counts = (text: string): boolean => facts(text).obstacles !== undefined;
  for (const text of [
    'R"(")" "//" __DATE__', 'LR"x(" /*)x" __TIME__', '#if 0\ndon\'t /* \n#endif\n__DATE__\n/* */', 'int a = 1\'0; char b = \'"\'; "//" __TIME__', 'a //* */ __TIME__',
    '// a\r__DATE__', '#include <a/*b>\n__DATE__\n/* */',
    '#define W(x) __ ## x ## __\nW(TIME)', 'CAT(__DATE, __)', 'CAT(__, TIMESTAMP__)',
  ]) t.true(counts(text), text);
  for (const text of [
    '/* __DATE__ */ "a" u8"b" L"\\"" \'c\' // don\'t __TIME__', '#define W(x) __##x##__\nW(FILE) /* TIME */', 'int __TIMER, TIME, DATE;', '/* it\'s "__TIME__ */',
  ]) t.false(counts(text), text);
});

test('files that #line names are quoted in diagnostics', (t) => {
  const lines = (text: string): readonly string[] => facts(text).lines ?? [];
  for (const text of ['%:line 1 "a.y"', '??=line 1 "a.y"', '#/**/line/* */1/**/"a.y"', '# line 1 "a.y"', '#line 1 "a\\x2ey"', '# 1 "\\141.y"', '#line 1 "./a.y" 1'.replace('./', '')]) {
    t.deepEqual(lines(text), ['a.y'], text);
  }
  for (const text of ['#line 1 NAME', '#line NUMBER "a.y"', '#line 1 "\\q"']) t.deepEqual(facts(text).obstacles, ['computed-line'], text);
  for (const text of ['#line 1', '#line 1 // one', '#line 1 /* one */\n', '#lines A', '# 1 A']) t.is(facts(text), noFacts, text);
  const many = Array.from({ length: 3000 }, (_, index) => `# 1 "${index}.h"`);
  t.is(lines(many.join('\n')).length, many.length);
  t.deepEqual(facts('#line 3 "gram.y"\n# 1 "scan.l" 1\n# 1 "<built-in>"').lines, ['gram.y', 'scan.l']);
});

test('blanks and comments inside a directive that are too many to look at are for the compiler', (t) => {
  const many = '/*  */'.repeat(200);
  t.deepEqual(facts(`#${many}include "x.h"`).computed, ['?']);
  t.deepEqual(facts(`#include${' '.repeat(2000)}"x.h"`).computed, ['?']);
  t.deepEqual(facts(`#embed${many}"x.h"`).obstacles, ['computed-embed']);
  t.deepEqual(facts(`#if __has_include${many}("x.h")`).obstacles, ['computed-has-include']);
  t.deepEqual(facts(`#if __has_include(${many}"x.h")`).obstacles, ['computed-has-include']);
  t.is(facts(`f(#${many}include "x.h"`), noFacts);
});

test('a quote that is not closed hides no code', (t) => {
  t.deepEqual(facts('#error don\'t /* "\n__DATE__ // */').obstacles, ['date-or-time']);
  t.deepEqual(facts('#error " /*\n__DATE__').obstacles, ['date-or-time']);
});

test('what can be read in many ways is read in one', (t) => {
  const started = cpuMs();
  for (const text of [
    `#${'/**/'.repeat(100)}x\n`, `__has_include${'/**/'.repeat(100)}x\n`, `__has_include(${'/**/'.repeat(100)}x\n`, `__has_include(x${'/**/'.repeat(100)}\n`, `#${'/**/'.repeat(100)}x __has_include(x)\n`, `#include${'/**/'.repeat(100)}\n`,
    `import "${'\\"'.repeat(100_000)}\n`, `import '${'\\\''.repeat(100_000)}\n`, '#include <'.repeat(20_000), '#include "'.repeat(20_001), '#/*#/**/'.repeat(20_000),
  ]) factsOf(Buffer.from(text));
  t.true(cpuMs() - started < 5_000);
});

test('any bytes have facts, in a time that grows with their length', (t) => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 2000 }), (bytes) => {
    factsOf(Buffer.from(bytes));
  }));
  const started = cpuMs();
  const hostile = ['#', '#/*', '/*', '#include', '#include/*', '__has_include(', '__has_include(/*', '"', '\\\n', '.incbin ', '#include "',
    '__DATE__ "', '#line 1 "', '# ', '*/ # /* '];
  for (const piece of hostile) factsOf(Buffer.from(`${piece.repeat(20_000)} include __has_ __DATE__`));
  t.true(cpuMs() - started < 20_000);
});
