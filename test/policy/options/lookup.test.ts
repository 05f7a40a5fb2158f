import test from 'ava';
import fc from 'fast-check';
import { checkArgv, isFileArgument, matchOption, optionTable, readArguments } from '../../../policy/options/index.ts';
import type { Family } from '../../../policy/options/index.ts';

const families = fc.constantFrom<Family>('gcc', 'clang');
const spelling = fc.constantFrom(...optionTable.map(entry => entry.spelling));
const argument = fc.oneof(
  spelling, fc.tuple(spelling, fc.string()).map(parts => parts.join('')), fc.string({ unit: 'binary' }), fc.constantFrom('-c', '-o',
    'a.c', '@x', '-', '--', ''),
);

test('reading and checking any argument list ends without throwing', t => {
  fc.assert(fc.property(fc.array(argument, { maxLength: 12 }), families, (argv, family) => {
    const checked = checkArgv(['cc', ...argv], family);
    t.true(checked.ok || checked.code === 'option-refused');
  }), { numRuns: 2_000 });
});

test('every argument is a file, an option, a value or a misfit', t => {
  fc.assert(fc.property(fc.array(argument, { maxLength: 12 }), families, (argv, family) => {
    const reading = readArguments(['cc', ...argv], family);
    const seen = new Set<number>([...reading.sources, ...reading.misfits].map(each => each.index));
    for (const { index, consumed } of reading.options) {
      seen.add(index);
      if (consumed === 2) seen.add(index + 1);
    }
    t.is(seen.size, argv.length);
  }), { numRuns: 1_000 });
});

test('a joined value means what a separate one means', t => {
  const eithers = optionTable.filter(entry => entry.form === 'either');
  t.true(eithers.length > 15);
  fc.assert(fc.property(fc.constantFrom(...eithers), fc.stringMatching(/^[A-Za-z0-9_./]{1,20}$/), (entry, value) => {
    for (const family of entry.families) {
      const joined = matchOption(['cc', entry.spelling + value], 1, family);
      const separate = matchOption(['cc', entry.spelling, value], 1, family);
      if ('unknown' in joined || joined.entry !== entry) continue; // a longer spelling begins like this one
      t.false('unknown' in separate);
      if (!('unknown' in separate)) t.is(separate.value, joined.value);
    }
  }), { numRuns: 1_000 });
});

test('an abbreviated long option is unknown', t => {
  for (const entry of optionTable.filter(each => each.spelling.startsWith('--') && each.form !== 'joined')) {
    for (const family of entry.families) {
      const shorter = entry.spelling.slice(0, -1);
      const match = matchOption(['cc', shorter, 'x'], 1, family);
      t.true('unknown' in match || match.entry.spelling === shorter,
        `${shorter} is taken for ${'unknown' in match ? '' : match.entry.spelling}`);
    }
  }
});

test('an option without its value is incomplete', t => {
  t.deepEqual(matchOption(['gcc', '-c', '-o'], 2, 'gcc'), { unknown: 'option-incomplete' });
});

test('a separate value may look like an option', t => {
  const reading = readArguments(['gcc', '-o', '-c', 'a.c'], 'gcc');
  t.is(reading.destination, '-c');
  t.is(reading.stages.size, 0);
});

test('where two entries spell an option alike, the one that restricts comes first', t => {
  for (const family of ['gcc', 'clang'] as const) {
    const first = new Map<string, string>();
    for (const entry of optionTable.filter(each => each.families.includes(family))) {
      const known = first.get(entry.spelling);
      t.true(known === undefined || entry.effect.kind === 'plain' || known === entry.effect.kind, `${family} ${entry.spelling}`);
      first.set(entry.spelling, known ?? entry.effect.kind);
    }
  }
});

test('every spelling begins with a dash and has no white space', t => {
  for (const { spelling: each } of optionTable) t.regex(each, /^-\S+$/);
});

test('only a lone dash and what does not begin with one are files', t => {
  t.true(isFileArgument('-'));
  t.true(isFileArgument('a.c'));
  t.true(isFileArgument(''));
  t.false(isFileArgument('-c'));
  t.false(isFileArgument('--'));
});
