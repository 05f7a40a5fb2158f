import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { WardError } from '../../../../protocol/errors.ts';
import { auditArchitecture, encodeFilter, filterFor, interpret, returnValue } from '../../../../server/sandbox/seccomp/bpf.ts';
import { otherwise, rulesFor, syscalls, type Architecture } from '../../../../server/sandbox/seccomp/list.ts';

const architectures: Architecture[] = ['x64', 'arm64'];
const oracleName = { x64: 'x86_64', arm64: 'aarch64' };
const numberOf = (architecture: Architecture, name: string): number => rulesFor(architecture).find((rule) => rule.name === name)!.number;
const [allow, kill, eperm] = [returnValue('allow'), returnValue('kill'), returnValue(otherwise)];
const enosys = returnValue({ errno: 38 });
const enotty = returnValue({ errno: 25 });

for (const architecture of architectures) {
  const program = filterFor(architecture);
  const audit = auditArchitecture[architecture];
  const ask = (name: string, ...args: number[]): number => interpret(program, { number: numberOf(architecture, name), audit, args });

  test(`${architecture}: every number of the table is libseccomp's`, (t) => {
    for (const [name, [, x64, arm64]] of Object.entries(syscalls)) {
      const answer = spawnSync('scmp_sys_resolver', ['-a', oracleName[architecture], name], { encoding: 'utf8' });
      t.is(answer.status, 0, 'scmp_sys_resolver (Debian package seccomp) is needed');
      const real = Number(answer.stdout);
      t.is(architecture === 'x64' ? x64 : arm64, real < 0 ? -1 : real, name);
    }
  });

  test(`${architecture}: no number stands twice in the table`, (t) => {
    const numbers = rulesFor(architecture).map(({ number }) => number);
    t.is(new Set(numbers).size, numbers.length);
  });

  test(`${architecture}: each of the first 1024 numbers is answered as the table says, EPERM when it is not in it`, (t) => {
    const rules = new Map(rulesFor(architecture).map((rule) => [rule.number, rule]));
    for (let number = 0; number < 1024; number++) {
      const rule = rules.get(number);
      const first = rule?.rules.find(({ mask, value }) => (0 & mask) === value);
      t.is(interpret(program, { number, audit }), returnValue(first?.action ?? rule?.action ?? otherwise), String(number));
    }
  });

  test(`${architecture}: a call made with another architecture's numbers is killed`, (t) => {
    for (const other of [auditArchitecture[architecture === 'x64' ? 'arm64' : 'x64'], 0x40000003, 0]) {
      t.is(interpret(program, { number: numberOf(architecture, 'read'), audit: other }), kill);
    }
  });

  test(`${architecture}: sockets, tracing, namespaces, mounts, bpf, io_uring and keys kill`, (t) => {
    for (const name of [
      'socket',
      'connect',
      'ptrace',
      'unshare',
      'setns',
      'mount',
      'pivot_root',
      'bpf',
      'io_uring_setup',
      'keyctl',
      'userfaultfd',
      'process_vm_readv',
      'open_by_handle_at',
    ]) {
      t.is(ask(name), kill, name);
    }
  });

  test(`${architecture}: clone makes processes and threads, never namespaces`, (t) => {
    t.is(ask('clone', 17), allow);
    t.is(ask('clone', 0x003d0f00), allow);
    for (const flag of [0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000])
      t.is(ask('clone', (flag | 17) >>> 0), eperm, flag.toString(16));
    t.is(ask('clone3'), enosys);
  });

  test(`${architecture}: files are mapped privately; shared memory only without a file`, (t) => {
    const MAP_PRIVATE = 2;
    t.is(ask('mmap', 0, 4096, 3, MAP_PRIVATE), allow);
    t.is(ask('mmap', 0, 4096, 3, MAP_PRIVATE | 0x20), allow);
    t.is(ask('mmap', 0, 4096, 3, 1 | 0x20), allow);
    t.is(ask('mmap', 0, 4096, 3, 1), eperm);
    t.is(ask('mmap', 0, 4096, 3, 3), eperm);
    t.is(ask('mmap', 0, 4096, 1, 1 | 0x10), eperm);
  });

  test(`${architecture}: ioctl asks about terminals and nothing else`, (t) => {
    t.is(ask('ioctl', 1, 0x5401), allow);
    t.is(ask('ioctl', 1, 0x5412), enotty, 'TIOCSTI');
    t.is(ask('ioctl', 1, 0x541c), enotty, 'TIOCLINUX');
  });

  test(`${architecture}: where the client's compiler writes to a terminal, isatty says so, and nothing else changes`, (t) => {
    const pretending = filterFor(architecture, { terminal: true });
    const askPretender = (name: string, ...args: number[]): number => interpret(pretending, { number: numberOf(architecture, name), audit, args });
    t.is(askPretender('ioctl', 2, 0x5401), returnValue({ errno: 0 }));
    for (const request of [0x5412, 0x541c, 0x5413, 0x541b, 0]) t.is(askPretender('ioctl', 2, request), ask('ioctl', 2, request));
    for (const { name } of rulesFor(architecture)) if (name !== 'ioctl') t.is(askPretender(name, 0, 0, 0, 0), ask(name, 0, 0, 0, 0), name);
  });

  test(`${architecture}: prlimit64 on itself only, prctl for names only`, (t) => {
    t.is(ask('prlimit64', 0), allow);
    t.is(ask('prlimit64', 1), eperm);
    t.is(ask('prctl', 15), allow);
    t.is(ask('prctl', 38), eperm);
    t.is(ask('prctl', 4), eperm);
  });

  test(`${architecture}: times of files cannot be set`, (t) => {
    for (const name of ['utimensat', 'utime', 'utimes', 'futimesat']) {
      const answer = spawnSync('scmp_sys_resolver', ['-a', oracleName[architecture], name], { encoding: 'utf8' });
      t.is(answer.status, 0, 'scmp_sys_resolver (Debian package seccomp) is needed');
      const number = Number(answer.stdout);
      // An architecture that never had this call: a negative number.
      if (number >= 0) t.is(interpret(program, { number, audit }), eperm, name);
    }
  });

  test(`${architecture}: the tree is balanced: no call takes more than 20 instructions beside its own checks`, (t) => {
    const rules = Math.max(...rulesFor(architecture).map(({ rules: own }) => own.length));
    for (const { number } of rulesFor(architecture)) {
      let steps = 0;
      const counted = new Proxy(program, {
        get: (target, key) => (typeof key === 'string' && /^\d+$/.test(key) ? (steps++, target[Number(key)]) : Reflect.get(target, key)),
      });
      interpret(counted, { number, audit });
      t.true(steps <= 20 + 4 * rules, `${number}: ${steps}`);
    }
  });
}

test('x64: numbers of the x32 kind are killed', (t) => {
  const program = filterFor('x64');
  for (const number of [0x40000000, 0x40000001, 0x40000200, 0x7fffffff, 0xffffffff])
    t.is(interpret(program, { number, audit: auditArchitecture.x64 }), kill);
});

test('the encoded form has eight bytes an instruction and never jumps out of the program', (t) => {
  for (const architecture of architectures) {
    const program = filterFor(architecture);
    t.is(encodeFilter(program).length, 8 * program.length);
    t.true(program.length < 4096, 'BPF_MAXINSNS');
    program.forEach(({ code, jt, jf, k }, at) => {
      const furthest = code === 0x05 ? k : Math.max(jt, jf);
      t.true(jt <= 255 && jf <= 255 && (code === 0x06 || at + 1 + furthest < program.length));
    });
    t.is(program.at(-1)!.code, 0x06);
  }
});

test('the interpreter refuses a program that runs past its end', (t) => {
  const error = t.throws(() => interpret([{ code: 0x20, jt: 0, jf: 0, k: 0 }], { number: 0, audit: 0 }), { instanceOf: WardError });
  t.is(error.code, 'internal');
  t.is(error.message, 'The seccomp filter runs past its end.');
});

test('the kernel takes the filter of this machine: a program under it runs, a socket in it kills', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'wardcc seccomp '));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const file = join(directory, 'filter');
  writeFileSync(file, encodeFilter(filterFor(process.arch === 'arm64' ? 'arm64' : 'x64')));
  const run = (...command: string[]) => {
    const filter = openSync(file, 'r');
    const ended = spawnSync(
      '/usr/bin/bwrap',
      ['--unshare-user', '--unshare-pid', '--ro-bind', '/', '/', '--seccomp', '3', '--', ...command],
      { stdio: ['ignore', 'pipe', 'pipe', filter] },
    );
    closeSync(filter);
    return ended;
  };
  t.is(run('/bin/echo', 'here').stdout.toString(), 'here\n');
  t.is(run('/usr/bin/python3', '-c', 'import socket; socket.socket()').status, 128 + 31);
});
