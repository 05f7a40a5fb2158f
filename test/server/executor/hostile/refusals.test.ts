/**
 * What is asked for in so wrong a way that nothing is laid out for it.
 */
import test from 'ava';
import { WardError } from '../../../../protocol/errors.ts';
import type { CompileRequest } from '../../../fixtures/executor.ts';
import { eachSlot } from '../../../fixtures/hostile-slot.ts';

eachSlot(test, (slot) => {
  const { title, attack } = slot;
  const serial: typeof test.serial = test.serial;

  const refusals: [string, Partial<CompileRequest>, string][] = [
    [
      'an input in a system directory',
      { inputs: { '/usr/bin/as': { content: 'x' } } },
      '"/usr": /usr belongs to the system, and only the compiler\'s include directories in it may be filled.',
    ],
    [
      'an input in /etc',
      { inputs: { '/etc/ld.so.preload': { content: 'x' } } },
      '"/etc": /etc belongs to the system, and only the compiler\'s include directories in it may be filled.',
    ],
    [
      "an input in the sandbox's own places",
      { inputs: { '/.wardcc-tmp/x': { content: 'x' } } },
      '"/.wardcc-tmp": /.wardcc-tmp belongs to the system, and only the compiler\'s include directories in it may be filled.',
    ],
    ['an output in the root directory', { outputs: ['/y.o'] }, '"/y.o": outputs may not lie in the root directory.'],
    ['an output that is not normalised', { outputs: ['/home/x/../../etc/y.o'] }, '"/home/x/../../etc/y.o": the path is not normalised.'],
    [
      'a working directory in /etc',
      { change: { cwd: '/etc' } },
      '"/etc": /etc belongs to the system, and only the compiler\'s include directories in it may be filled.',
    ],
  ];
  for (const [name, request, sentence] of refusals) {
    serial(title(`${name} is refused before anything is laid out`), async (t) => {
      const error = await t.throwsAsync(attack([['identity']], request), { instanceOf: WardError });
      t.is(error.code, 'path-refused');
      t.is(error.message, sentence);
    });
  }

  serial(title('a name of a job that is a path is refused'), async (t) => {
    const error = await t.throwsAsync(attack([['identity']], { job: '../../x' }), { instanceOf: WardError });
    t.is(error.code, 'protocol-violation');
    t.is(error.message, 'The name of a job becomes part of file names.');
  });
});
