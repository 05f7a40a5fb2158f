import test from 'ava';
import { checkoutOf, commonCheckout, moveCommand } from '../../../client/command/checkout.ts';
import type { CommandOutput } from '../../../client/command/types.ts';

const root = '/home/alice/src';
const outputs: CommandOutput[] = [{ role: 'object', path: `${root}/b/a.o`, spelled: `${root}/b/a.o` }];
const typed = (words: string, change: object = {}) => ({
  argv: ['/usr/bin/gcc', ...words.split(' ')], family: 'gcc' as const, cwd: `${root}/b`, env: { LC_ALL: 'C' }, outputs, ...change,
});
const map = `-ffile-prefix-map=${root}=.`;

test('a command that maps its checkout away is sent as if that lay in the common place', (t) => {
  for (const words of [
    `${map} -g -c ../a.c -o a.o`, `${map} -g -I${root}/include -isystem ${root}/b -include ${root}/x.h -MD -MF ${root}/b/a.d -c ${root}/a.c -o ${root}/b/a.o`,
    `-fdebug-prefix-map=${root}=/x -g -c ../a.c`, `-fmacro-prefix-map=${root}/= -c ${root}/a.c`, `${map} -ffile-prefix-map=${root}/b=b -g -c ../a.c`,
  ]) {
    const command = typed(words);
    t.is(checkoutOf(command), root, words);
    const moved = moveCommand(command, root);
    t.false(JSON.stringify(moved).includes(root), words);
    t.is(moved.cwd, `${commonCheckout}/b`);
    t.deepEqual(moved.outputs[0]?.path, `${commonCheckout}/b/a.o`);
    t.deepEqual(moved.argv.map((argument) => argument.replaceAll(commonCheckout, root)), command.argv);
  }
});

test('a command is sent as it was typed when the directory may show, or count without showing', (t) => {
  for (const words of [
    '-g -c ../a.c', `-ffile-prefix-map=/home/bob=. -c ../a.c`, `${map} -ffile-prefix-map=/home/alice/s=x -c ../a.c`,
    `-fmacro-prefix-map=${root}=. -g -c ../a.c`, `-fdebug-prefix-map=${root}=. -c ${root}/a.c`,
    `${map} -DROOT="${root}" -c ../a.c`, `${map} -MD -MT ${root}/b/a.o -c ../a.c`, `${map} -flto -c ../a.c`, `${map} -gz -c ../a.c`, `${map} --coverage -c ../a.c`,
    `${map} -fsanitize=address -c ../a.c`, `${map} -frecord-gcc-switches -c ../a.c`, `${map} -H -c ../a.c`, `${map} -fmessage-length=80 -c ../a.c`,
    `-ffile-prefix-map=${root}=${root}/x -c ../a.c`, `${map} -I${root}2 -c ../a.c`,
  ]) t.is(checkoutOf(typed(words)), undefined, words);
  t.is(checkoutOf(typed(`-ffile-prefix-map=${root}/=. -g -c a.c`, { cwd: root })), undefined, 'the name of the directory itself');
  t.is(checkoutOf(typed(`${map} -c ${root}/a.c`, { family: 'clang' })), undefined, 'names of lambdas');
  t.is(checkoutOf(typed(`${map} -c ../a.c`, { family: 'clang' })), root);
  t.is(checkoutOf(typed(`${map} -c ../a.c`, { env: { CPATH: `${root}/include` } })), undefined);
  t.is(checkoutOf(typed(`${map} -c ../a.c`, { pwd: '/home/link/b' })), undefined);
  t.is(checkoutOf(typed(`${map} -c ../a.c`, { outputs: [...outputs, { role: 'stack-usage', path: '/x.su', spelled: '/x.su' }] })), undefined);
  for (const odd of ['/home/a b', '/home/a$b', `/wardcc_checkout/x`, `/${'d/'.repeat(12)}x`]) {
    t.is(checkoutOf(typed(`-c a.c`, { argv: ['/usr/bin/gcc', `-ffile-prefix-map=${odd}=.`, '-c', 'a.c'], cwd: odd })), undefined, odd);
  }
});
