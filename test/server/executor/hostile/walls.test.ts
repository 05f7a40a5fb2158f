/**
 * What a program in the place of the compiler can see, write, run and ask the kernel for.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { eachSlot, lines } from '../../../fixtures/hostile-slot.ts';

eachSlot(test, (slot) => {
  const { title, attack } = slot;
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
      slot.lab.room.store,
      slot.lab.room.results,
      join(slot.lab.room.slot, 'work/seccomp.bpf'),
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
});
