/**
 * What a program in the place of the compiler can use up.
 */
import { readdirSync } from 'node:fs';
import test from 'ava';
import type { CompileRequest } from '../../../fixtures/executor.ts';
import { eachSlot, lines, output, type Commands } from '../../../fixtures/hostile-slot.ts';

eachSlot(test, (slot) => {
  const { title, attack } = slot;
  const serial: typeof test.serial = test.serial;

  const limitCases: [string, Commands, CompileRequest['limits'], string][] = [
    ['CPU time', [['spin']], { cpuSeconds: 1 }, 'cpu-limit'],
    ['files and directories', [['files', '100']], { inodes: 80 }, 'file-limit'],
    ['wall time', [['wait']], { wallSeconds: 0.3 }, 'job-timeout'],
    ['the size of a file', [['fill', output, '10000000']], { fileBytes: 1 << 20 }, 'output-limit'],
    ['the size of all outputs', [['fill', output, '3000000']], { outputBytes: 1 << 20 }, 'output-limit'],
    ['what is printed', [['print', '100000']], { diagnosticsBytes: 50_000 }, 'output-limit'],
  ];
  for (const [name, commands, limits, code] of limitCases) {
    serial(title(`too much of ${name} is ${code}`), async (t) => {
      const answer = await attack(commands, { limits: limits! });
      t.is(answer.verdict, code as never);
      t.deepEqual(answer.outputs, []);
      t.deepEqual(readdirSync(slot.lab.room.results), []);
    });
  }

  serial(title('CPU time counts for the whole job: processes that use little each do not hide it, nor when nobody waits for them'), async (t) => {
    // Without control groups the clock ends it.
    const answer = await attack([['burn', '2']], { limits: { cpuSeconds: 1, wallSeconds: slot.lab.profile === 'strict' ? 60 : 8 } });
    const used = (answer.usage.userMs + answer.usage.systemMs) / 1000;
    if (slot.lab.profile === 'strict') {
      t.is(answer.verdict, 'cpu-limit');
      // A fifth of a second passes between two looks, in which two processors may be busy: ten times that on a machine that does much else.
      t.true(used > 0.99 && used < 1 + 10 * 0.4, `${used} s`);
    } else {
      t.is(answer.verdict, 'job-timeout');
    }
  });

  serial(title('open files are limited'), async (t) => {
    t.deepEqual(lines(await attack([['open', '40']], { limits: { openFiles: 20 } })), ['open 40: EMFILE']);
    t.deepEqual(lines(await attack([['open', '15']], { limits: { openFiles: 20 } })), ['open 15: ok']);
  });

  serial(title('memory is limited'), async (t) => {
    const answer = await attack([['eat', String(600 << 20)]], { limits: { memoryBytes: 128 << 20 } });
    if (slot.lab.profile === 'strict') t.is(answer.verdict, 'memory-limit');
    else t.deepEqual(lines(answer), [`eat ${600 << 20}: ENOMEM`]);
    t.true(answer.usage.maxRssKb < 400_000);
  });

  serial(title('when many small processes use up the memory, they die and the executor lives'), async (t) => {
    const executor = slot.lab.room.child.pid;
    const answer = await attack([['swarm', '60', String(20 << 20)]], { limits: { memoryBytes: 256 << 20, processes: 100 } });
    if (slot.lab.profile === 'strict') t.is(answer.verdict, 'memory-limit');
    t.is(slot.lab.room.child.pid, executor);
    t.is(slot.lab.room.child.exitCode, null);
    t.deepEqual(slot.lab.room.jobProcesses(), []);
  });

  serial(title("processes are limited, in the sandbox and not among the user's other ones"), async (t) => {
    t.deepEqual(lines(await attack([['bomb', '100']], { limits: { processes: 20 } })), ['bomb 100: EAGAIN']);
    t.deepEqual(lines(await attack([['bomb', '15']], { limits: { processes: 20 } })), ['bomb 15: ok']);
  });

  serial(title('the space of a slot is limited, and is free again for the next job'), async (t) => {
    for (let round = 0; round < 2; round++) {
      t.deepEqual(
        lines(
          await attack(
            [
              ['fill', '/home/x/big', String(200 << 20)],
              ['fill', '/.wardcc-tmp/big', String(200 << 20)],
            ],
            { limits: { fileBytes: 1 << 30 } },
          ),
        ),
        ['fill /home/x/big: ENOSPC', 'fill /.wardcc-tmp/big: ENOSPC'],
      );
    }
    t.is((await attack([['put', output, 'fits']])).contents[0]?.toString(), 'fits');
  });

  serial(title("usage is the job's own"), async (t) => {
    const { usage } = await attack([['spin']], { limits: { cpuSeconds: 1 } });
    t.true(usage.userMs + usage.systemMs > 700 && usage.userMs + usage.systemMs < 1900, JSON.stringify(usage));
    t.true(usage.wallMs > 700);
  });
});
