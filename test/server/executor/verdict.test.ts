import test from 'ava';
import { judge, type End } from '../../../server/executor/verdict.ts';
import { cpuMs } from '../../fixtures/cpu-time.ts';

const no: End = {
  exit: 1,
  killed: undefined,
  stderr: "a.c:1:1: error: expected ';' before 'x'\n",
  diagnosticsBytes: 40,
  diagnosticsLimit: 1000,
  counted: { oomKills: 0, forksRefused: 0 },
  cpuSeconds: 1,
  files: 10,
  limits: { cpuSeconds: 2, inodes: 20 },
  profile: 'strict',
};

test("a compiler's yes and its no are answers", (t) => {
  t.is(judge({ ...no, exit: 0, stderr: '' }), undefined);
  t.is(judge(no), undefined);
});

const cases: [string, Partial<End>, string][] = [
  ['the deadline passed', { killed: 'job-timeout', exit: 137 }, 'job-timeout'],
  ['it was cancelled', { killed: 'cancelled', exit: 137 }, 'cancelled'],
  ['the kernel killed for memory, whatever the driver says', { counted: { oomKills: 1, forksRefused: 0 } }, 'memory-limit'],
  ['the kernel refused a fork', { counted: { oomKills: 0, forksRefused: 1 } }, 'process-limit'],
  ['too much was printed, even by a success', { exit: 0, diagnosticsBytes: 1001 }, 'output-limit'],
  ['all its processes used too much CPU time together, even for a success', { exit: 0, cpuSeconds: 2.1 }, 'cpu-limit'],
  ['it was ended for its CPU time', { killed: 'cpu-limit', exit: 137 }, 'cpu-limit'],
  ['it left too many files, even for a success', { exit: 0, files: 21 }, 'file-limit'],
  ['cc1 had too many files open', { stderr: 'cc1: fatal error: a.h: Too many open files\n' }, 'file-limit'],
  ['the command was never started', { exit: undefined, stderr: "bwrap: Can't mkdir /x: Read-only file system\n" }, 'sandbox-failed'],
  ['the program does not exist', { stderr: 'bwrap: execvp /usr/bin/nothing: No such file or directory\n' }, 'sandbox-failed'],
  ['gcc: internal error status', { exit: 4 }, 'compiler-crashed'],
  ['a status that no compiler gives', { exit: 3 }, 'compiler-crashed'],
  ['the driver was killed', { exit: 137 }, 'compiler-crashed'],
  ['the driver used up its time', { exit: 152 }, 'cpu-limit'],
  ['the driver wrote too large a file', { exit: 153 }, 'output-limit'],
  ['cc1 was killed', { stderr: 'gcc: fatal error: Killed signal terminated program cc1\ncompilation terminated.\n' }, 'compiler-crashed'],
  ['cc1 used up its time', { stderr: 'gcc: fatal error: CPU time limit exceeded signal terminated program cc1\n' }, 'cpu-limit'],
  [
    'cc1plus used up its time',
    { stderr: 'g++: internal compiler error: CPU time limit exceeded signal terminated program cc1plus\n' },
    'cpu-limit',
  ],
  ['as wrote too large a file', { stderr: 'gcc: fatal error: File size limit exceeded signal terminated program as\n' }, 'output-limit'],
  ['cc1 crashed', { stderr: 'a.c:1:1: internal compiler error: Segmentation fault\n' }, 'compiler-crashed'],
  [
    'cc1 crashed without a position',
    { stderr: 'gcc: internal compiler error: Segmentation fault signal terminated program cc1\n' },
    'compiler-crashed',
  ],
  ['the slot is full', { stderr: '/.wardcc-tmp/cc1.s: fatal error: error writing to x: No space left on device\n' }, 'output-limit'],
  ['cc1 ran out of address space', { stderr: 'cc1: out of memory allocating 65536 bytes after a total of 1000 bytes\n' }, 'memory-limit'],
  ['clang ran out of memory', { stderr: 'LLVM ERROR: out of memory\n' }, 'memory-limit'],
  [
    "clang's frontend crashed",
    { stderr: 'clang: error: clang frontend command failed due to signal (use -v to see invocation)\n' },
    'compiler-crashed',
  ],
  [
    'gcc could not start as',
    { stderr: "gcc: fatal error: cannot execute 'as': vfork: Resource temporarily unavailable\n" },
    'process-limit',
  ],
];

for (const [title, change, code] of cases) {
  test(`${code}: ${title}`, (t) => {
    const verdict = judge({ ...no, ...change });
    t.is(verdict?.code, code as never);
    t.regex(verdict!.sentence, /^[A-Z].*[.:)\w]$/s);
  });
}

test('a library that does not fit is the memory limit without control groups, and a broken toolchain with them', (t) => {
  const end = {
    ...no,
    exit: 127,
    stderr: '/usr/bin/clang: error while loading shared libraries: libLLVM-14.so.1: failed to map segment from shared object\n',
  };
  t.is(judge({ ...end, profile: 'strict-rlimit' })?.code, 'memory-limit');
  t.is(judge(end)?.code, 'compiler-crashed');
});

test('the first cause counts: what the executor killed is not called a crash', (t) => {
  t.is(judge({ ...no, exit: 137, killed: 'job-timeout', counted: { oomKills: 1, forksRefused: 3 } })?.code, 'job-timeout');
});

test("words in the middle of a line are the source's, not the driver's", (t) => {
  t.is(judge({ ...no, stderr: 'a.c:1:2: error: #error bwrap: and LLVM ERROR: out of memory\n' }), undefined);
});

test('no text takes long to judge, however its lines are made', (t) => {
  const started = cpuMs();
  for (const line of ['a'.repeat(65_000), `x: ${'fork'.repeat(16_000)}`, `x: ${': '.repeat(32_000)}`, 'x:'.repeat(32_000), 'x: fork(: '.repeat(6_500)]) {
    for (const profile of ['strict', 'strict-rlimit'] as const) t.is(judge({ ...no, stderr: `${line}\n${line}`, profile }), undefined);
  }
  t.true(cpuMs() - started < 5_000);
});
