/**
 * What is left of a job when it has ended, was killed, or did what it could to stay.
 */
import { existsSync } from 'node:fs';
import test from 'ava';
import { WardError } from '../../../../protocol/errors.ts';
import { allProcesses, descendants } from '../../../../server/doctor/processes.ts';
import { Lab } from '../../../fixtures/executor.ts';
import { eachSlot, lines, output } from '../../../fixtures/hostile-slot.ts';

eachSlot(test, (slot) => {
  const { by, title, attack } = slot;
  const serial: typeof test.serial = test.serial;

  serial(title('nothing of one job is there in the next'), async (t) => {
    await attack([
      ['put', '/home/x/left', 'x'],
      ['put', '/.wardcc-tmp/left', 'x'],
      ['mkdir', '/home/x/dir'],
      ['put', '/home/x/dir/left', 'x'],
      ['put-nameless', '/home/x'],
      ['put-nameless', '/.wardcc-tmp'],
      ['put', output, 'object'],
    ]);
    t.deepEqual(
      lines(
        await attack([
          ['list', '/home/x'],
          ['list', '/.wardcc-tmp'],
        ]),
      ),
      ['list /home/x: ok', 'list /.wardcc-tmp: ok'],
    );
  });

  serial(title('what a job does to its inputs is not seen by the next, which has the same inputs'), async (t) => {
    const inputs = { '/home/x/in.h': { content: 'good' }, '/home/x/sub/in2.h': { content: 'good' } };
    await attack(
      [
        ['chmod', '/home/x/in.h', '644'],
        ['put', '/home/x/in.h', 'evil'],
        ['move', '/home/x/sub', '/home/x/gone'],
        ['symlink', '/usr', '/home/x/sub'],
      ],
      { inputs },
    );
    t.deepEqual(
      lines(
        await attack(
          [
            ['read', '/home/x/in.h'],
            ['read', '/home/x/sub/in2.h'],
            ['list', '/home/x'],
          ],
          { inputs },
        ),
      )
        .join('\n')
        .replaceAll('goodread', 'good\nread')
        .split('\n')
        .sort(),
      ['/home/x/in.h', '/home/x/sub', 'good', 'good', 'list /home/x: ok', 'read /home/x/in.h: ok', 'read /home/x/sub/in2.h: ok'].sort(),
    );
  });

  serial(title('when a job ends, what it left running is dead before the answer'), async (t) => {
    t.deepEqual(lines(await attack([['linger'], ['linger'], ['bomb', '5']])), ['linger: ok', 'linger: ok', 'bomb 5: ok']);
    t.deepEqual(slot.lab.room.jobProcesses(), []);
  });

  serial(title('a killed job is dead at once, with all its processes'), async (t) => {
    for (const delay of [0, 2, 5, 10, 20, 60]) {
      const job = `kill-${delay}`;
      const started = performance.now();
      const running = attack([['linger'], ['bomb', '10'], ['wait']], { job });
      setTimeout(() => slot.lab.kill(job), delay);
      const answer = await running.then(
        (done) => done.verdict,
        (error: WardError) => error.code,
      );
      t.is(answer, 'cancelled', String(delay));
      t.true(performance.now() - started < 5000);
      t.deepEqual(slot.lab.room.jobProcesses(), []);
    }
    t.is((await attack([['put', output, 'next']])).contents[0]?.toString(), 'next');
  });

  serial(title('a slot that cannot be made clean is given up with all it holds'), async (t) => {
    const own = await Lab.open({ by, slotBytes: 64 << 20, slotInodes: 20_000 });
    t.teardown(() => own.close());
    const answer = await own.attack([['deep', 'dir', '6000']], { outputs: [output] });
    t.is(answer.stdoutText, 'deep dir: ok\n');
    const [code] =
      own.room.child.exitCode === null
        ? await new Promise<[number]>((resolve) => own.room.child.once('exit', (status) => resolve([status!])))
        : [own.room.child.exitCode];
    t.is(code, 75);
    await until(() => /A job left something that cannot be removed\./.test(own.room.said));
    t.pass();
  });

  serial(title('when the executor dies, so does its job'), async (t) => {
    const own = await Lab.open({ by });
    t.teardown(() => own.close());
    const running = own.attack([['linger'], ['bomb', '5'], ['wait']], { outputs: [output] });
    running.catch(() => {});
    await until(() => own.room.jobProcesses().length >= 7);
    const executor = descendants(own.room.child.pid!).find(
      ({ command }) => command.includes('executor/main') && !command.includes('wardcc-slot'),
    )!;
    process.kill(executor.pid, 'SIGKILL');
    const error = await t.throwsAsync(running, { instanceOf: WardError });
    t.is(error.code, 'session-lost');
    await until(() => !existsSync(`/proc/${own.room.child.pid}`) || own.room.child.exitCode !== null);
    await until(() => probeProcesses(own).length === 0);
    t.deepEqual(probeProcesses(own), []);
  });
});

const probeProcesses = (lab: Lab): string[] =>
  allProcesses()
    .map(({ command }) => command)
    .filter((command) => command.includes(lab.room.slot));

const until = async (condition: () => boolean): Promise<void> => {
  const patience = Date.now() + 30_000;
  while (!condition()) {
    if (Date.now() > patience) throw new Error('waited in vain');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
};
