/**
 * The system calls that front and keeper give up once they run: everything that starts a program, makes a process, looks into another one,
 * or changes what the kernel shows. They are what strangers talk to and what holds the keys; whoever takes one over finds nothing to start.
 *
 * What always holds: the numbers are those of the one table of system calls; a call that is not here stays allowed, since Node and its
 * libraries make many; threads can be made, processes cannot.
 *
 * @module
 */
import { rulesFor, type Action, type Architecture, type ArgumentRule, type SyscallRule } from './list.ts';

/** What is done with calls that are not in this table. */
export const elsewise: Action = 'allow';

const refused: Action = Object.freeze({ errno: 1 });
const CLONE_THREAD = 0x0001_0000;
const thread: ArgumentRule = Object.freeze({ argument: 0, mask: CLONE_THREAD, value: CLONE_THREAD, action: 'allow' });

const programs: ReadonlySet<string> = new Set(['execve', 'execveat', 'fork', 'vfork']);
/** Killed in a job, and needed by whoever serves connections. Node has made its one io_uring by then; no program can be started through one. */
const needed: ReadonlySet<string> = new Set([
  'socket', 'connect', 'bind', 'listen', 'accept', 'accept4', 'sendto', 'recvfrom', 'sendmsg', 'recvmsg', 'sendmmsg', 'recvmmsg', 'socketpair',
  'io_uring_enter',
]);

/** The table of front and keeper for one architecture, sorted by number. */
export const partRules = (architecture: Architecture): SyscallRule[] =>
  rulesFor(architecture).flatMap((rule): SyscallRule[] => {
    const { name, number, action } = rule;
    // Its flags lie in memory, where no filter can look: the library falls back to clone.
    if (name === 'clone3') return [{ ...rule, rules: [] }];
    if (name === 'clone') return [{ name, number, action: refused, rules: [thread] }];
    return programs.has(name) || (action === 'kill' && !needed.has(name)) ? [{ name, number, action: refused, rules: [] }] : [];
  });
