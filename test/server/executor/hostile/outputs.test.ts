/**
 * What is taken of that which a program in the place of the compiler has made.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { eachSlot, output } from '../../../fixtures/hostile-slot.ts';

eachSlot(test, (slot) => {
  const { title, attack } = slot;
  const serial: typeof test.serial = test.serial;

  serial(title('only regular files in the places that were asked for are taken'), async (t) => {
    writeFileSync(join(slot.lab.directory, 'secret'), 'secret', { mode: 0o644 });
    const outputs = ['a', 'b', 'c', 'd', 'sub/e', 'missing'].map((name) => `/home/x/${name}`);
    const answer = await attack(
      [
        ['symlink', join(slot.lab.directory, 'secret'), '/home/x/a'],
        ['mkdir', '/home/x/b'],
        ['put', '/home/x/c', 'good'],
        ['symlink', 'c', '/home/x/d'],
        ['put', '/home/x/unasked', 'x'],
        ['move', '/home/x/sub', '/home/x/moved'],
        ['symlink', slot.lab.directory, '/home/x/sub'],
      ],
      { outputs, inputs: { '/home/x/sub': 'directory' } },
    );
    t.deepEqual(
      answer.outputs.map(({ index }) => index),
      [2],
    );
    t.is(answer.contents[2]?.toString(), 'good');
  });

  serial(title('an input is no output, where it lies, under another name, or with other rights; one that was written over is'), async (t) => {
    const input = (name: string): string => `/home/x/${name}`;
    const names = ['kept', 'moved', 'changed', 'written'];
    const answer = await attack(
      [
        ['move', input('in'), input('moved')],
        ['chmod', input('changed'), '644'],
        ['chmod', input('written'), '644'],
        ['put', input('written'), 'made'],
      ],
      { outputs: names.map(input), inputs: Object.fromEntries(['in', 'kept', 'changed', 'written'].map((name) => [input(name), { content: 'sent', group: 3 }])) },
    );
    t.deepEqual(answer.outputs.map(({ index }) => names[index]), ['written']);
    t.is(answer.contents[3]?.toString(), 'made');
  });

  serial(title('a directory on the way to an output cannot be replaced by a link to the host'), async (t) => {
    const inputs = { '/home/x/p/q': 'directory' } as const;
    const answer = await attack(
      [
        ['move', '/home/x/p', '/home/x/moved'],
        ['symlink', '/etc', '/home/x/p'],
        ['put', output, 'x'],
      ],
      { outputs: [output, '/home/x/p/q/passwd', '/home/x/p/passwd'], inputs },
    );
    t.deepEqual(
      answer.outputs.map(({ index }) => index),
      [0],
    );
  });
});
