import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { checkJsonc, formatFinding, maxConfigurationBytes, parseJsonc, readJsonc } from '../../policy/jsonc.ts';
import { WardError } from '../../protocol/errors.ts';
import { cpuMs } from '../fixtures/cpu-time.ts';
import { temporaryDirectory } from '../fixtures/temporary.ts';

const schema = {
  type: 'object',
  additionalProperties: false,
  required: ['serial'],
  properties: {
    serial: { type: 'integer', minimum: 1 },
    names: { type: 'array', maxItems: 2, uniqueItems: true, items: { type: 'string', pattern: '^[a-z]+$', description: 'a word' } },
    kind: { type: 'string', enum: ['one', 'two'] },
    table: { type: 'object', propertyNames: { pattern: '^[a-z]$', description: 'one letter' }, additionalProperties: { type: 'integer' } },
  },
};

const rows: readonly (readonly [title: string, text: string, ...findings: string[]])[] = [
  ['an empty file', '', '1:1: error[WP001] a value is expected here'],
  ['an object that is not closed', '{"serial": 1', '1:13: error[WP001] a closing } is expected here'],
  ['text after the end', '{"serial": 1} x', '1:15: error[WP001] this is neither a value nor a sign that JSON knows'],
  ['a comment that is not closed', '{"serial": 1} /* x', '1:15: error[WP001] a comment is not closed'],
  [
    'a key that comes twice',
    '{\n  "serial": 1,\n  "serial": 2\n}',
    '3:3: error[WP002] the key "serial" is here for the second time (first at 2:3)',
  ],
  [
    'a key that comes twice, written differently',
    '{"serial": 1, "ser\\u0069al": 2}',
    '1:15: error[WP002] the key "serial" is here for the second time (first at 1:2)',
  ],
  [
    'a key that comes twice deep inside',
    '{"serial": 1, "table": {"a": 1, "a": 1}}',
    '1:33: error[WP002] the key "a" is here for the second time (first at 1:25)',
  ],
  ['the key __proto__', '{"serial": 1, "__proto__": {}}', '1:15: error[WP001] the key "__proto__" is not allowed'],
  ['nesting without end', `{"serial": ${'['.repeat(200_000)}`, '1:43: error[WP001] the file is nested deeper than 32 levels'],
  ['a missing key', '{}', '1:1: error[WP001] the file lacks the key "serial"'],
  ['a misspelt key', '{"serial": 1,\n "nmaes": []}', '2:2: error[WP001] this file has no key "nmaes" (did you mean "names"?)'],
  ['a wrong type', '{"serial": "1"}', '1:12: error[WP001] serial must be a whole number'],
  ['a number beyond all numbers', '{"serial": 1e999}', '1:12: error[WP001] serial must be a whole number'],
  ['a number that is too small', '{"serial": 0}', '1:12: error[WP001] serial must be at least 1'],
  ['a pattern, told by its description', '{"serial": 1, "names": ["a", "B"]}', '1:30: error[WP001] names[1] must be a word'],
  ['a choice', '{"serial": 1, "kind": "three"}', '1:23: error[WP001] kind must be one of "one", "two"'],
  ['an item that comes twice', '{"serial": 1, "names": ["a", "a"]}', '1:24: error[WP001] names has the same item twice (0 and 1)'],
  ['a key of the wrong form', '{"serial": 1, "table": {"ab": 1}}', '1:25: error[WP001] the key "ab" must be one letter'],
  [
    'several mistakes, in the order of the text',
    '{"names": ["A"],\n "serial": 0}',
    '1:12: error[WP001] names[0] must be a word',
    '2:12: error[WP001] serial must be at least 1',
  ],
];

for (const [title, text, ...expected] of rows) {
  test(`a configuration file is refused with its position for ${title}`, (t) => {
    t.deepEqual(
      checkJsonc(text, 'a b.jsonc', schema).findings.map(formatFinding),
      expected.map((finding) => `a b.jsonc:${finding}`),
    );
    const error = t.throws(() => parseJsonc(text, 'a b.jsonc', schema), { instanceOf: WardError });
    t.is(error.code, 'config-invalid');
    t.is(`a b.jsonc:${expected[0]}`, error.message.replace(/^(a b\.jsonc:\d+:\d+: )/, `$1${expected[0]!.split(' ')[1]} `));
    t.is(error.at, /^a b\.jsonc:\d+:\d+/.exec(error.message)![0]);
  });
}

test('comments, trailing commas, a byte order mark and any line ends are fine', (t) => {
  t.deepEqual(parseJsonc('\uFEFF// first\r\n{ /* here */ "serial": 1, // and here\r\n "names": ["a",], }\r\n', 'f', schema), {
    serial: 1,
    names: ['a'],
  });
});

test('what JSON.parse takes is taken as the same value', (t) => {
  const key = fc.string().filter((text) => text !== '__proto__');
  const value = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.string(),
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
      fc.array(tie('value'), { maxLength: 4 }),
      fc.dictionary(key, tie('value'), { maxKeys: 4, noNullPrototype: true }),
    ),
  })).value;
  fc.assert(
    fc.property(value, fc.nat(4), (original, indent) => {
      t.deepEqual(parseJsonc(JSON.stringify(original, undefined, indent), 'f', {}), original as never);
    }),
    { numRuns: 300 },
  );
});

test('any text is refused or taken, never a crash', (t) => {
  const pieces = fc.array(
    fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ':',
      ',',
      '"serial"',
      '"a"',
      '1',
      '"',
      '\\',
      '//',
      '/*',
      '*/',
      '\n',
      ' ',
      'null',
      '\u0000',
      '\uD800',
    ),
    { maxLength: 40 },
  );
  fc.assert(
    fc.property(pieces, (text) => {
      const { document, findings } = checkJsonc(text.join(''), 'f', schema);
      return (document === undefined) === findings.length > 0;
    }),
    { numRuns: 2000 },
  );
  t.pass();
});

test('a file with nothing but mistakes is refused in no time', (t) => {
  const text = `{${Array.from({ length: 100_000 }, (_, index) => `"k${index}":1`).join(',')}}`;
  const started = cpuMs();
  const { findings } = checkJsonc(text, 'f', { type: 'object', additionalProperties: false, properties: {} });
  t.true(cpuMs() - started < 5_000);
  t.is(findings.length, 50);
  t.is(findings[0]?.column, 2);
});

test('positions of values and keys are found again', (t) => {
  const { document } = checkJsonc('{\n  "serial": 1,\n  "names": ["a", "b"]\n}', 'f', schema);
  t.is(document?.positionOf(['names', 1]), 'f:3:18');
  t.is(document?.positionOf(['names'], 'key'), 'f:3:3');
  t.is(document?.positionOf(['names', 7]), 'f:3:12');
  t.is(document?.positionOf(['nothing']), 'f:1:1');
});

test('a file that cannot be read is named as it was given', async (t) => {
  const directory = await temporaryDirectory(t);
  const refused = async (name: string, sentence: string, content?: string | Buffer) => {
    const path = join(directory, name);
    if (content !== undefined) writeFileSync(path, content);
    const error = await t.throwsAsync(readJsonc(path, schema), { instanceOf: WardError });
    t.deepEqual([error?.code, error?.message, error?.at], ['config-invalid', `${path}: ${sentence}`, path]);
  };
  await refused('absent', 'there is no such file');
  mkdirSync(join(directory, 'folder'));
  await refused('folder', 'this is not a regular file');
  symlinkSync('loop', join(directory, 'loop'));
  await refused('loop', 'the file cannot be read (ELOOP)');
  await refused('latin1', 'the file is not valid UTF-8 text', Buffer.from('{"serial": 1} // \xe4', 'latin1'));
  await refused('large', `the file is larger than ${maxConfigurationBytes} bytes`, Buffer.alloc(maxConfigurationBytes + 1, 32));
});
