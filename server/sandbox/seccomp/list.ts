/**
 * The system calls that a compiler may make, for every architecture, as one table.
 *
 * What always holds: a call that is not here is answered EPERM; calls that only an attacker makes kill the process; nobody
 * makes a namespace, a socket, or a shared writable mapping of a file. Numbers are compared with libseccomp's in the tests.
 *
 * @module
 */

export type Architecture = 'x64' | 'arm64';

/** What the kernel does: run the call, kill the whole process with SIGSYS, or answer an errno. */
export type Action = 'allow' | 'kill' | { readonly errno: number };

/** If `(low 32 bits of argument & mask) === value`, then `action`. The kernel reads no more than those bits of the arguments named here. */
export interface ArgumentRule {
  readonly argument: 0 | 1 | 2 | 3 | 4 | 5;
  readonly mask: number;
  readonly value: number;
  readonly action: Action;
}

/** A number for each architecture; -1 where the call does not exist. */
type Row = readonly [action: Action, x64: number, arm64: number];

const absent = -1;
const errno = Object.freeze({ EPERM: 1, ENOTTY: 25, ENOSYS: 38 });
export const otherwise: Action = Object.freeze({ errno: errno.EPERM });

/** CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET. */
const namespaceFlags = 0x7e020000;
const MAP_SHARED = 0x01;
const MAP_ANONYMOUS = 0x20;
const [TCGETS, TIOCGWINSZ, FIOCLEX, FIONREAD] = [0x5401, 0x5413, 0x5451, 0x541b];
const [PR_SET_NAME, PR_GET_NAME, PR_SET_VMA] = [15, 16, 0x53564d41];

export const syscalls: Readonly<Record<string, Row>> = Object.freeze({
  // glibc falls back to clone when clone3 does not exist; its flags lie in memory, where no filter can look.
  clone3: [{ errno: errno.ENOSYS }, 435, 435],
  // Decided by their arguments, below.
  clone: [otherwise, 56, 220],
  mmap: ['allow', 9, 222],
  ioctl: [{ errno: errno.ENOTTY }, 16, 29],
  prctl: [otherwise, 157, 167],
  prlimit64: [otherwise, 302, 261],
  // Files and directories, within what the mounts permit.
  read: ['allow', 0, 63],
  write: ['allow', 1, 64],
  readv: ['allow', 19, 65],
  writev: ['allow', 20, 66],
  pread64: ['allow', 17, 67],
  pwrite64: ['allow', 18, 68],
  open: ['allow', 2, absent],
  openat: ['allow', 257, 56],
  creat: ['allow', 85, absent],
  close: ['allow', 3, 57],
  lseek: ['allow', 8, 62],
  stat: ['allow', 4, absent],
  fstat: ['allow', 5, 80],
  lstat: ['allow', 6, absent],
  newfstatat: ['allow', 262, 79],
  statx: ['allow', 332, 291],
  access: ['allow', 21, absent],
  faccessat: ['allow', 269, 48],
  faccessat2: ['allow', 439, 439],
  getdents64: ['allow', 217, 61],
  getcwd: ['allow', 79, 17],
  chdir: ['allow', 80, 49],
  fchdir: ['allow', 81, 50],
  readlink: ['allow', 89, absent],
  readlinkat: ['allow', 267, 78],
  rename: ['allow', 82, absent],
  renameat: ['allow', 264, 38],
  renameat2: ['allow', 316, 276],
  mkdir: ['allow', 83, absent],
  mkdirat: ['allow', 258, 34],
  rmdir: ['allow', 84, absent],
  unlink: ['allow', 87, absent],
  unlinkat: ['allow', 263, 35],
  truncate: ['allow', 76, 45],
  ftruncate: ['allow', 77, 46],
  fsync: ['allow', 74, 82],
  fdatasync: ['allow', 75, 83],
  chmod: ['allow', 90, absent],
  fchmod: ['allow', 91, 52],
  fchmodat: ['allow', 268, 53],
  umask: ['allow', 95, 166],
  fadvise64: ['allow', 221, 223],
  // Descriptors and waiting.
  pipe: ['allow', 22, absent],
  pipe2: ['allow', 293, 59],
  dup: ['allow', 32, 23],
  dup2: ['allow', 33, absent],
  dup3: ['allow', 292, 24],
  poll: ['allow', 7, absent],
  ppoll: ['allow', 271, 73],
  select: ['allow', 23, absent],
  pselect6: ['allow', 270, 72],
  fcntl: ['allow', 72, 25],
  // Memory.
  brk: ['allow', 12, 214],
  munmap: ['allow', 11, 215],
  mprotect: ['allow', 10, 226],
  mremap: ['allow', 25, 216],
  madvise: ['allow', 28, 233],
  // Processes and threads.
  fork: ['allow', 57, absent],
  vfork: ['allow', 58, absent],
  execve: ['allow', 59, 221],
  execveat: [otherwise, 322, 281],
  exit: ['allow', 60, 93],
  exit_group: ['allow', 231, 94],
  wait4: ['allow', 61, 260],
  waitid: ['allow', 247, 95],
  set_tid_address: ['allow', 218, 96],
  set_robust_list: ['allow', 273, 99],
  get_robust_list: ['allow', 274, 100],
  rseq: ['allow', 334, 293],
  futex: ['allow', 202, 98],
  sched_yield: ['allow', 24, 124],
  sched_getaffinity: ['allow', 204, 123],
  arch_prctl: ['allow', 158, absent],
  restart_syscall: ['allow', 219, 128],
  // Signals and timers.
  rt_sigaction: ['allow', 13, 134],
  rt_sigprocmask: ['allow', 14, 135],
  rt_sigreturn: ['allow', 15, 139],
  rt_sigsuspend: ['allow', 130, 133],
  rt_sigtimedwait: ['allow', 128, 137],
  sigaltstack: ['allow', 131, 132],
  kill: ['allow', 62, 129],
  tgkill: ['allow', 234, 131],
  pause: ['allow', 34, absent],
  alarm: ['allow', 37, absent],
  setitimer: ['allow', 38, 103],
  getitimer: ['allow', 36, 102],
  nanosleep: ['allow', 35, 101],
  clock_nanosleep: ['allow', 230, 115],
  // Asking about itself, the time and the machine.
  getpid: ['allow', 39, 172],
  gettid: ['allow', 186, 178],
  getppid: ['allow', 110, 173],
  getpgrp: ['allow', 111, absent],
  getpgid: ['allow', 121, 155],
  getsid: ['allow', 124, 156],
  getuid: ['allow', 102, 174],
  geteuid: ['allow', 107, 175],
  getgid: ['allow', 104, 176],
  getegid: ['allow', 108, 177],
  getgroups: ['allow', 115, 158],
  uname: ['allow', 63, 160],
  sysinfo: ['allow', 99, 179],
  times: ['allow', 100, 153],
  time: ['allow', 201, absent],
  gettimeofday: ['allow', 96, 169],
  clock_gettime: ['allow', 228, 113],
  clock_getres: ['allow', 229, 114],
  getrusage: ['allow', 98, 165],
  getrlimit: ['allow', 97, 163],
  getrandom: ['allow', 318, 278],
  getcpu: ['allow', 309, 168],
  // Networks: no compiler opens one.
  socket: ['kill', 41, 198],
  socketpair: ['kill', 53, 199],
  connect: ['kill', 42, 203],
  bind: ['kill', 49, 200],
  listen: ['kill', 50, 201],
  accept: ['kill', 43, 202],
  accept4: ['kill', 288, 242],
  sendto: ['kill', 44, 206],
  recvfrom: ['kill', 45, 207],
  sendmsg: ['kill', 46, 211],
  recvmsg: ['kill', 47, 212],
  sendmmsg: ['kill', 307, 269],
  recvmmsg: ['kill', 299, 243],
  // Other processes' memory.
  ptrace: ['kill', 101, 117],
  process_vm_readv: ['kill', 310, 270],
  process_vm_writev: ['kill', 311, 271],
  process_madvise: ['kill', 440, 440],
  kcmp: ['kill', 312, 272],
  pidfd_getfd: ['kill', 438, 438],
  perf_event_open: ['kill', 298, 241],
  // Namespaces and mounts.
  unshare: ['kill', 272, 97],
  setns: ['kill', 308, 268],
  mount: ['kill', 165, 40],
  umount2: ['kill', 166, 39],
  pivot_root: ['kill', 155, 41],
  chroot: ['kill', 161, 51],
  fsopen: ['kill', 430, 430],
  fsconfig: ['kill', 431, 431],
  fsmount: ['kill', 432, 432],
  fspick: ['kill', 433, 433],
  move_mount: ['kill', 429, 429],
  open_tree: ['kill', 428, 428],
  mount_setattr: ['kill', 442, 442],
  quotactl: ['kill', 179, 60],
  quotactl_fd: ['kill', 443, 443],
  swapon: ['kill', 167, 224],
  swapoff: ['kill', 168, 225],
  // Doors into the kernel that have often been left open.
  bpf: ['kill', 321, 280],
  io_uring_setup: ['kill', 425, 425],
  io_uring_enter: ['kill', 426, 426],
  io_uring_register: ['kill', 427, 427],
  userfaultfd: ['kill', 323, 282],
  keyctl: ['kill', 250, 219],
  add_key: ['kill', 248, 217],
  request_key: ['kill', 249, 218],
  init_module: ['kill', 175, 105],
  finit_module: ['kill', 313, 273],
  delete_module: ['kill', 176, 106],
  kexec_load: ['kill', 246, 104],
  kexec_file_load: ['kill', 320, 294],
  reboot: ['kill', 169, 142],
  open_by_handle_at: ['kill', 304, 265],
  name_to_handle_at: ['kill', 303, 264],
  fanotify_init: ['kill', 300, 262],
  fanotify_mark: ['kill', 301, 263],
  acct: ['kill', 163, 89],
  settimeofday: ['kill', 164, 170],
  clock_settime: ['kill', 227, 112],
  adjtimex: ['kill', 159, 171],
  clock_adjtime: ['kill', 305, 266],
  sethostname: ['kill', 170, 161],
  setdomainname: ['kill', 171, 162],
  iopl: ['kill', 172, absent],
  ioperm: ['kill', 173, absent],
  modify_ldt: ['kill', 154, absent],
  uselib: ['kill', 134, absent],
  ustat: ['kill', 136, absent],
  sysfs: ['kill', 139, absent],
  _sysctl: ['kill', 156, absent],
  vhangup: ['kill', 153, 58],
  nfsservctl: ['kill', 180, 42],
  lookup_dcookie: ['kill', 212, 18],
  syslog: ['kill', 103, 116],
});

const allowed = (argument: ArgumentRule['argument'], value: number): ArgumentRule =>
  ({ argument, mask: 0xffffffff, value, action: 'allow' });

/** Rules for calls whose arguments matter, tried in order; none fits: the action of the table. */
export const argumentRules: Readonly<Record<string, readonly ArgumentRule[]>> = Object.freeze({
  clone: [{ argument: 0, mask: namespaceFlags, value: 0, action: 'allow' }],
  // Not every kernel gives a file a new time when a mapping of it on tmpfs is written: a job could change an input unseen.
  mmap: [{ argument: 3, mask: MAP_SHARED | MAP_ANONYMOUS, value: MAP_SHARED, action: otherwise }],
  ioctl: [TCGETS, TIOCGWINSZ, FIOCLEX, FIONREAD].map((request) => allowed(1, request)),
  prctl: [PR_SET_NAME, PR_GET_NAME, PR_SET_VMA].map((option) => allowed(0, option)),
  // Its own limits only.
  prlimit64: [allowed(0, 0)],
});

export interface SyscallRule {
  readonly name: string;
  readonly number: number;
  readonly action: Action;
  readonly rules: readonly ArgumentRule[];
}

/** isatty asks so: answered as a terminal would, it makes gcc heed COLUMNS. Nothing else about a terminal can be asked or done. */
const pretendTerminal: ArgumentRule = Object.freeze({ argument: 1, mask: 0xffffffff, value: TCGETS, action: { errno: 0 } });

export interface FilterOptions {
  /** Whether every descriptor passes for a terminal. */
  readonly terminal?: boolean;
}

/** The table for one architecture, sorted by number. */
export const rulesFor = (architecture: Architecture, { terminal = false }: FilterOptions = {}): SyscallRule[] =>
  Object.entries(syscalls)
    .map(([name, [action, x64, arm64]]) => {
      const number = architecture === 'x64' ? x64 : arm64;
      const rules = argumentRules[name] ?? [];
      return { name, number, action, rules: terminal && name === 'ioctl' ? [pretendTerminal, ...rules] : rules };
    })
    .filter(({ number }) => number >= 0)
    .sort((a, b) => a.number - b.number);
