import fc from 'fast-check';
import test from 'ava';
import { cleanDiagnostics } from '../../../client/results/clean-diagnostics.ts';
import { cpuMs } from '../../fixtures/cpu-time.ts';

const clean = (text: string): string => cleanDiagnostics(Buffer.from(text, 'latin1')).toString('latin1');

test('plain diagnostics pass without a copy', (t) => {
  const bytes = Buffer.from("a.c:1:5: error: unknown type name ‘foo’\n    1 |\tfoo x;\n      |     ^~~\n");
  t.is(cleanDiagnostics(bytes), bytes);
});

test('colours and links of gcc and clang stay', (t) => {
  const text = '\u001b[01m\u001b[Ka.c:1:5:\u001b[m\u001b[K \u001b[01;31m\u001b[Kerror: \u001b]8;;https://gcc.gnu.org\u0007-Wall\u001b]8;;\u0007\n';
  t.is(clean(text), text);
});

const attacks: Record<string, readonly [string, string]> = {
  'a title': ['\u001b]0;owned\u0007x', ']0;ownedx'],
  'a cursor movement': ['\u001b[2A\u001b[2Jx', '[2A[2Jx'],
  'a request for an answer': ['\u001b[6n\u001b[cx', '[6n[cx'],
  'a clipboard write': ['\u001b]52;c;ZXZpbA==\u0007x', ']52;c;ZXZpbA==x'],
  'a device control string': ['\u001bPevil\u001b\\x', 'Pevil\\x'],
  'a charset switch': ['\u000e\u001b(0x', '(0x'],
  'a backspace over text': ['good\b\b\b\bevil', 'goodevil'],
  'an overwritten line': ['error: real\rok            \n', 'error: realok            \n'],
  'a control character of UTF-8': ['\u00c2\u009b2J\u00c2\u009d0;owned\u00c2\u009cx', '2J0;ownedx'],
  'a control character of UTF-8 that appears when another goes': [Buffer.from([0xc2, 0xc2, 0x9b, 0x9b, 0x4a]).toString('latin1'), 'J'],
  'what is no address in a link': ['\u001b]8;;http://x\r\u00c2\u009b2J\u0007x', ']8;;http://x2Jx'],
  'a bell': ['\u0007x', 'x'],
  'a delete': ['\u007fx', 'x'],
};

for (const [what, [from, to]] of Object.entries(attacks)) {
  test(`${what} does not reach the terminal`, (t) => t.is(clean(from), to));
}

test('a source line that ends in CRLF keeps its end', (t) => t.is(clean('  1 | int x;\r\n'), '  1 | int x;\r\n'));

test('whatever a server sends, no control character is left but tab, newline and what belongs to a colour or link', (t) => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
    const rest = cleanDiagnostics(Buffer.from(bytes)).toString('latin1').replace(/\u001b\[[0-9;:]*[mK]|\u001b\]8;[^\u0007\u001b]*(?:\u0007|\u001b\\)|\r\n/g, '');
    return !/[\u0000-\u0008\u000b-\u001f\u007f]/.test(rest);
  }), { numRuns: 2000 });
  t.pass();
});

test('a long text takes no longer than its length, whatever it is made of', (t) => {
  const started = cpuMs();
  for (const piece of ['a', '\u00c2\u0090', '\u001b[0m', '\u001b]8;', '\u001b[1;', '\u001b]8;x\u0007']) {
    t.true(clean(`${piece.repeat(Math.ceil(1_000_000 / piece.length))}\b`).length < 1_100_000);
  }
  t.true(cpuMs() - started < 10_000);
});
