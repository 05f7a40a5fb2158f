/**
 * Outputs that only root could destroy, and a disk that is really full.
 *
 * @module
 */
import { lstat, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { shareFarm } from '../fixtures/shared-farm.ts';

const shared = shareFarm(test, ['--cores', '1']);

test.serial('-o /dev/null as root leaves the device what it is', async (t) => {
  const cwd = await shared.directory('devices');
  await writeFile(join(cwd, 'main.c'), 'int main(void) { return 0; }\n');
  const before = await lstat('/dev/null');
  for (const compiler of ['gcc', 'clang']) {
    for (const options of [['-c', 'main.c', '-o', '/dev/null'], ['-MD', '-MF', '/dev/null', '-c', 'main.c', '-o', `${compiler}.o`], ['-S', 'main.c', '-o', '/dev/null']]) {
      const { status, stderr } = await shared.run(['wardcc', compiler, ...options], { cwd });
      t.is(status, 0, stderr);
      const after = await lstat('/dev/null');
      t.true(after.isCharacterDevice());
      t.deepEqual([after.ino, after.rdev, after.mode], [before.ino, before.rdev, before.mode]);
    }
  }
});

test.serial('a full disk: the earlier object stays, no temporary file, a sentence that names the cause', async (t) => {
  const cwd = await shared.directory('full disk');
  await mkdir(join(cwd, 'disk'));
  t.is((await shared.run(['mount', '-t', 'tmpfs', '-o', 'size=64k', 'none', 'disk'], { cwd })).status, 0);
  t.teardown(() => shared.run(['umount', 'disk'], { cwd }));
  await writeFile(join(cwd, 'big.c'), Array.from({ length: 3000 }, (_, index) => `const char text${index}[] = "text number ${index}";\n`).join(''));
  await writeFile(join(cwd, 'disk', 'big.o'), 'an earlier object');
  const { status, stderr } = await shared.run(['wardcc', 'gcc', '-g', '-c', 'big.c', '-o', 'disk/big.o'], { cwd });
  t.is(status, 1);
  t.regex(stderr, /^gcc: fatal error: cannot write .*disk\/big\.o: No space left on device\ncompilation terminated\.\n$/);
  t.is((await shared.run(['sh', '-c', 'ls -A disk; cat disk/big.o'], { cwd })).stdout, 'big.o\nan earlier object');
});
