import test from 'ava';
import { auditArchitecture, filterOf, interpret, returnValue } from '../../../../server/sandbox/seccomp/bpf.ts';
import { syscalls, type Architecture } from '../../../../server/sandbox/seccomp/list.ts';
import { elsewise, partRules } from '../../../../server/sandbox/seccomp/part-list.ts';

const [allow, eperm, enosys] = [returnValue('allow'), returnValue({ errno: 1 }), returnValue({ errno: 38 })];

for (const architecture of ['x64', 'arm64'] as Architecture[]) {
  const program = filterOf(architecture, partRules(architecture), elsewise);
  const audit = auditArchitecture[architecture];
  const numberOf = (name: string): number => syscalls[name]![architecture === 'x64' ? 1 : 2];
  const ask = (name: string, ...args: number[]): number => interpret(program, { number: numberOf(name), audit, args });

  test(`${architecture}: no part starts a program or makes a process; threads it may make`, (t) => {
    for (const name of ['execve', 'execveat', 'fork', 'vfork']) if (numberOf(name) >= 0) t.is(ask(name), eperm, name);
    t.is(ask('clone', 17), eperm);
    t.is(ask('clone', 0x4000 | 0x100 | 17), eperm, 'as vfork does it');
    t.is(ask('clone', 0x003d0f00), allow, 'a thread');
    t.is(ask('clone3'), enosys);
  });

  test(`${architecture}: no part looks into another process, mounts, or opens a door into the kernel`, (t) => {
    for (const name of [
      'ptrace', 'process_vm_readv', 'process_vm_writev', 'pidfd_getfd', 'kcmp', 'mount', 'pivot_root', 'unshare', 'setns', 'bpf', 'keyctl', 'userfaultfd', 'perf_event_open',
      'io_uring_setup', 'io_uring_register', 'init_module', 'open_by_handle_at',
    ]) t.is(ask(name), eperm, name);
  });

  test(`${architecture}: connections, files and what is in no table stay allowed`, (t) => {
    for (const name of ['socket', 'connect', 'accept4', 'sendmsg', 'io_uring_enter', 'read', 'openat', 'mmap', 'ioctl', 'prctl']) t.is(ask(name), allow, name);
    for (const number of [900, 1023]) t.is(interpret(program, { number, audit }), allow);
  });

  test(`${architecture}: another architecture's numbers kill`, (t) => {
    t.is(interpret(program, { number: 0, audit: auditArchitecture[architecture === 'x64' ? 'arm64' : 'x64'] }), returnValue('kill'));
  });
}
