import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { understandCommand } from '../../../client/command/index.ts';
import { namesNoModule } from '../../../policy/options/index.ts';
import { temporaryDirectory } from '../../fixtures/temporary.ts';

test('a module map that names no module is known by its text', (t) => {
  for (const text of ['', '\n', '$root .\n', '$root gcm.cache\n\n', '  \n$root\t../out\r\n']) t.true(namesNoModule(text), JSON.stringify(text));
  for (const text of ['m m.gcm\n', '$root .\nfoo CMakeFiles/foo.gcm\n', '$root a b\n', '$rooted .\n', '|sh\n', '\n'.repeat(5000)]) {
    t.false(namesNoModule(text), JSON.stringify(text.slice(0, 40)));
  }
});

test('with modules enabled a command travels unless something compiled could be read', async (t) => {
  const cwd = await temporaryDirectory(t);
  const write = (name: string, text: string): void => writeFileSync(join(cwd, name), text);
  write('a.cc', 'int a;\n');
  write('empty.modmap', '$root .\n');
  write('names.modmap', '$root .\nfoo foo.gcm\n');
  const understand = async (...words: string[]): Promise<string> => {
    const argv = ['g++', '-std=c++20', ...words, '-c', 'a.cc'];
    const command = await understandCommand({ argv, compiler: '/usr/bin/g++', cwd, env: {} });
    return command.kind === 'local' ? `${command.reason} ${command.detail ?? ''}` : command.inputs.map((path) => path.slice(cwd.length + 1)).join();
  };
  t.is(await understand('-fmodules-ts'), '');
  t.is(await understand('-fmodules-ts', '-fmodule-mapper=empty.modmap'), 'empty.modmap');
  t.is(await understand('-fmodules-ts', '-fmodule-mapper=names.modmap'), 'modules names.modmap');
  t.is(await understand('-fmodules-ts', '-fmodule-mapper=absent.modmap'), 'modules absent.modmap');
  t.is(await understand('-fmodules-ts', '-fmodule-mapper=|sh'), 'option-value -fmodule-mapper=|sh');
  mkdirSync(join(cwd, ','));
  t.is(await understand('-fmodules-ts', '-fmodule-mapper=empty.modmap'), `modules ${cwd}/,`);
  mkdirSync(join(cwd, 'gcm.cache'));
  t.is(await understand('-fmodules-ts'), 'modules gcm.cache');
});
