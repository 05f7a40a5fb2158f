/**
 * The sandbox alone: a program that does what it likes in the place of the compiler, in a real slot, as made by root and by an ordinary
 * user.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { WardError } from '../../../protocol/errors.ts';
import { allProcesses, descendants } from '../../../server/doctor/processes.ts';
import { isRoot, Lab, type Answer, type CompileRequest } from '../../fixtures/executor.ts';

type Commands = readonly (readonly string[])[];
type Attack = (commands: Commands, request?: Partial<CompileRequest>) => Promise<Answer>;

const output = '/home/x/y.o';
const lines = (answer: Answer): string[] => answer.stdoutText.trimEnd().split('\n');

for (const by of isRoot ? (['root', 'user'] as const) : (['user'] as const)) {
  let lab: Lab;
  const attack: Attack = (commands, request = {}) => lab.attack(commands, { outputs: [output], ...request });
  const title = (sentence: string): string => `slot made by ${by}: ${sentence}`;

  test.before(async () => {
    lab = await Lab.open({ by, slotBytes: 64 << 20, slotInodes: 2000 });
  });
  test.after.always(async () => {
    await lab?.close();
  });
  const serial: typeof test.serial = test.serial;

  serial(title('a job is nobody, alone, with the environment that was sent and three descriptors'), async (t) => {
    const said = lines(await attack([['identity'], ['descriptors']], { env: { PATH: '/usr/bin', A: 'b c' }, umask: 0o027 }));
    t.deepEqual(said, [
      'uid 65534 gid 65534 host wardcc pid 2 cwd /home/x umask 027',
      'env PATH=/usr/bin',
      'env A=b c',
      'env TMPDIR=/.wardcc-tmp',
      'env PWD=/home/x',
      'identity: ok',
      'fd 0',
      'fd 1',
      'fd 2',
      'descriptors: ok',
    ]);
  });

  serial(title('nothing of the host is there to be read'), async (t) => {
    t.deepEqual(
      lines(
        await attack([
          ['list', '/'],
          ['list', '/dev'],
          ['list', '/usr'],
        ]),
      ),
      ['/dev', '/.wardcc-tmp', '/home', '/usr', 'list /: ok', '/dev/null', 'list /dev: ok', '/usr/bin', 'list /usr: ok'],
    );
    const files = [
      '/etc/shadow',
      '/etc/passwd',
      '/proc/self/environ',
      '/proc/1/environ',
      '/sys/kernel',
      '/dev/kmsg',
      lab.room.store,
      lab.room.results,
      join(lab.room.slot, 'work/seccomp.bpf'),
    ];
    t.deepEqual(
      lines(await attack(files.map((file) => ['read', file]))),
      files.map((file) => `read ${file}: ENOENT`),
    );
  });

  serial(title('it writes where its outputs and temporary files go, and nowhere else'), async (t) => {
    const inputs = { '/home/x/in.h': { content: 'in' }, '/home/ro/h.h': { content: 'h' } };
    const places = [
      '/home/x/a',
      '/.wardcc-tmp/a',
      '/home/ro/a',
      '/home/ro/h.h',
      '/home/a',
      '/a',
      '/usr/bin/a',
      '/usr/bin/wardcc-probe',
      '/dev/a',
    ];
    const answers = lines(
      await attack(
        places.map((place) => ['put', place, 'x']),
        { inputs },
      ),
    ).map((line) => line.replace(/^put /, ''));
    t.deepEqual(answers.slice(0, 2), ['/home/x/a: ok', '/.wardcc-tmp/a: ok']);
    for (const answer of answers.slice(2)) t.regex(answer, /: (EROFS|EACCES|ETXTBSY)$/);
  });

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

  serial(title('what came from a client or was made by a job is never executed, neither as a program nor as a plug-in'), async (t) => {
    const inputs = { '/home/in/tool': { content: readFileSync('/bin/true') } };
    const answers = await attack(
      [
        ['exec', '/home/in/tool'],
        ['plugin', '/home/in/tool'],
        ['copy', '/usr/bin/wardcc-probe', '/home/x/tool'],
        ['exec', '/home/x/tool'],
        ['plugin', '/home/x/tool'],
        ['copy', '/usr/bin/wardcc-probe', '/.wardcc-tmp/tool'],
        ['exec', '/.wardcc-tmp/tool'],
        ['plugin', '/.wardcc-tmp/tool'],
      ],
      { inputs },
    );
    t.deepEqual(
      lines(answers)
        .filter((line) => !line.startsWith('copy'))
        .map((line) => line.split(': ')[1]),
      ['EACCES', 'EPERM', 'EACCES', 'EPERM', 'EACCES', 'EPERM'],
    );
    // The toolchain itself may be executed: the refusals above are no accident.
    t.is(lines(await attack([['exec', '/usr/bin/wardcc-probe']])).at(-1), 'identity: ok');
  });

  for (const deed of ['socket', 'unix', 'ptrace', 'unshare', 'mount']) {
    serial(title(`${deed} kills the job`), async (t) => {
      const answer = await attack([[deed]]);
      t.is(answer.verdict, 'compiler-crashed');
      t.is(answer.sentence, 'The compiler was ended by signal 31.');
    });
  }

  serial(title('new namespaces, shared mappings of files and times of files are refused'), async (t) => {
    const answers = lines(
      await attack([['put', '/home/x/a', 'x'], ['clone'], ['clone3'], ['share', '/home/x/a'], ['settime', '/home/x/a']]),
    );
    t.deepEqual(
      answers.slice(1).map((line) => line.split(': ')[1]),
      ['EPERM', 'ENOSYS', 'EPERM', 'EPERM'],
    );
  });

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
      t.deepEqual(readdirSync(lab.room.results), []);
    });
  }

  serial(title('CPU time counts for the whole job: processes that use little each do not hide it, nor when nobody waits for them'), async (t) => {
    // Without control groups the clock ends it.
    const answer = await attack([['burn', '2']], { limits: { cpuSeconds: 1, wallSeconds: lab.profile === 'strict' ? 60 : 8 } });
    const used = (answer.usage.userMs + answer.usage.systemMs) / 1000;
    if (lab.profile === 'strict') {
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
    if (lab.profile === 'strict') t.is(answer.verdict, 'memory-limit');
    else t.deepEqual(lines(answer), [`eat ${600 << 20}: ENOMEM`]);
    t.true(answer.usage.maxRssKb < 400_000);
  });

  serial(title('when many small processes use up the memory, they die and the executor lives'), async (t) => {
    const executor = lab.room.child.pid;
    const answer = await attack([['swarm', '60', String(20 << 20)]], { limits: { memoryBytes: 256 << 20, processes: 100 } });
    if (lab.profile === 'strict') t.is(answer.verdict, 'memory-limit');
    t.is(lab.room.child.pid, executor);
    t.is(lab.room.child.exitCode, null);
    t.deepEqual(lab.room.jobProcesses(), []);
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

  serial(title('when a job ends, what it left running is dead before the answer'), async (t) => {
    t.deepEqual(lines(await attack([['linger'], ['linger'], ['bomb', '5']])), ['linger: ok', 'linger: ok', 'bomb 5: ok']);
    t.deepEqual(lab.room.jobProcesses(), []);
  });

  serial(title('a killed job is dead at once, with all its processes'), async (t) => {
    for (const delay of [0, 2, 5, 10, 20, 60]) {
      const job = `kill-${delay}`;
      const started = performance.now();
      const running = attack([['linger'], ['bomb', '10'], ['wait']], { job });
      setTimeout(() => lab.kill(job), delay);
      const answer = await running.then(
        (done) => done.verdict,
        (error: WardError) => error.code,
      );
      t.is(answer, 'cancelled', String(delay));
      t.true(performance.now() - started < 5000);
      t.deepEqual(lab.room.jobProcesses(), []);
    }
    t.is((await attack([['put', output, 'next']])).contents[0]?.toString(), 'next');
  });

  serial(title('only regular files in the places that were asked for are taken'), async (t) => {
    writeFileSync(join(lab.directory, 'secret'), 'secret', { mode: 0o644 });
    const outputs = ['a', 'b', 'c', 'd', 'sub/e', 'missing'].map((name) => `/home/x/${name}`);
    const answer = await attack(
      [
        ['symlink', join(lab.directory, 'secret'), '/home/x/a'],
        ['mkdir', '/home/x/b'],
        ['put', '/home/x/c', 'good'],
        ['symlink', 'c', '/home/x/d'],
        ['put', '/home/x/unasked', 'x'],
        ['move', '/home/x/sub', '/home/x/moved'],
        ['symlink', lab.directory, '/home/x/sub'],
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

  serial(title('a link at the top of the tree is a link in the sandbox'), async (t) => {
    t.deepEqual(
      lines(
        await attack(
          [
            ['read', '/src/in.h'],
            ['put', '/src/in.h', 'x'],
          ],
          { inputs: { '/src': { link: 'home/in' }, '/home/in/in.h': { content: 'in\n' } } },
        ),
      ),
      ['in', 'read /src/in.h: ok', 'put /src/in.h: EROFS'],
    );
  });

  serial(title("usage is the job's own"), async (t) => {
    const { usage } = await attack([['spin']], { limits: { cpuSeconds: 1 } });
    t.true(usage.userMs + usage.systemMs > 700 && usage.userMs + usage.systemMs < 1900, JSON.stringify(usage));
    t.true(usage.wallMs > 700);
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
}

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
