import test from 'ava';
import { optionsCommand } from '../../../ctl/options.ts';
import { listedOptions, unknownOptions } from '../../../policy/options/unknown.ts';

test('the options of a help text are found, their placeholders are not', t => {
  const help = ['Options:', '  -fabi-version=              Text.', '  -std=<standard>   Text', '  -fcompare-debug[=<opts>]  Text',
    '  -O<number>', '  -D<macro>[=<val>]',
    '  -fcf-protection=[full|none]', '  -B <prefix>', '  -flto=auto', '                              -not-this', 'text -nor-this',
      '  --param=x=<0,1>'].join('\n');
  t.deepEqual(listedOptions(help), ['-fabi-version=', '-std=', '-fcompare-debug', '-O', '-D', '-fcf-protection=', '-B', '-flto=',
    '--param=x=']);
});

test('the table knows what gcc lists, but for a few', async t => {
  const unknown = await unknownOptions('gcc');
  t.log(unknown.join(' '));
  t.true(unknown.length <= 10);
});

test('the table knows what clang lists, but for other processors', async t => {
  const unknown = await unknownOptions('clang');
  t.log(unknown.join(' '));
  t.deepEqual(unknown.filter(each => !each.startsWith('-m')).sort(), ['-G', '-fapple-link-rtlib']);
});

test('a compiler that is not there is an error', async t => {
  await t.throwsAsync(unknownOptions('no-such-compiler'), { code: 'ENOENT' });
});

test('wardctl options prints the list and explains single options', async t => {
  const written: string[] = [];
  const write = process.stdout.write;
  process.stdout.write = ((chunk: string) => written.push(chunk) > 0) as typeof write;
  try {
    for (const words of ['unknown gcc --json', 'explain -fplugin=x.so', 'explain -O2', 'explain -MJ --compiler clang', 'explain -what']) {
      await optionsCommand().parseAsync(['node', 'options', ...words.split(' ')]);
    }
  } finally {
    process.stdout.write = write;
  }
  const [list, ...explained] = written;
  t.true(Array.isArray(JSON.parse(list ?? '').unknown));
  t.deepEqual(explained, [
    '-fplugin=x.so: compiled locally, refused by servers. The command loads code into the compiler.\n',
    '-O2: sent.\n',
    '-MJ: sent; it decides which files come back.\n',
    '-what: compiled locally, refused by servers. The command has an option that is not in the table.\n',
  ]);
});
