/**
 * Whether an end was the compiler's own answer or something that happened to it.
 *
 * A compiler's "no" is exit 1 with diagnostics: a result like any other. Limits, signals, crashes and a sandbox that could not be made
 * are errors of the infrastructure: never a result, never stored. They often reach us as exit 1 too, since the driver translates them;
 * they are told apart by what the kernel counted, by the exit status, and by the driver's own words. A source that makes a compiler print
 * such words only causes its author a local compile.
 *
 * @module
 */
import type { Limits } from '../../policy/types.ts';
import type { ErrorCode } from '../../protocol/errors.ts';
import type { Profile } from '../sandbox/limits.ts';
import type { Counters } from '../sandbox/meter.ts';

export interface End {
  /** Exit status as bubblewrap passes it on: 128 + signal for a signal; undefined when the command was never started. */
  readonly exit: number | undefined;
  /** The reason for which the executor itself ended it, if it did. */
  readonly killed: ErrorCode | undefined;
  /** Beginning and end of what was printed to standard error. */
  readonly stderr: string;
  readonly diagnosticsBytes: number;
  readonly diagnosticsLimit: number;
  /** What the kernel counted while it ran. */
  readonly counted: Omit<Counters, 'cpuMs'>;
  /** CPU time of all its processes. */
  readonly cpuSeconds: number;
  /** Inputs, and what it left. */
  readonly files: number;
  readonly limits: Pick<Limits, 'cpuSeconds' | 'inodes'>;
  readonly profile: Profile;
}

export interface Verdict {
  readonly code: ErrorCode;
  readonly sentence: string;
}

const SIGXCPU = 24;
const SIGXFSZ = 25;

const tooMuchCpu = 'The compiler used more CPU time than allowed.';

/**
 * The driver's own words, at the beginning of a line; the first that fits decides. Attacker-controlled text: no pattern may have two parts
 * that can take the same characters in more than one way, or a line of some thousand of them would take seconds.
 */
const words: readonly (readonly [RegExp, ErrorCode, string])[] = [
  [/^\S+: (fatal error|internal compiler error): CPU time limit exceeded/m, 'cpu-limit', tooMuchCpu],
  [
    /^\S+: (fatal error|internal compiler error): File size limit exceeded/m,
    'output-limit',
    'The compiler wrote a larger file than allowed.',
  ],
  [/^\S.*: (File too large|No space left on device)$/m, 'output-limit', 'The compiler wrote more than allowed.'],
  [
    /^LLVM ERROR: (IO failure on output stream|.*No space left on device|.*File too large)/m,
    'output-limit',
    'The compiler wrote more than allowed.',
  ],
  [
    /^\S+: .*\b(vfork|fork|posix_spawn)\w*: Resource temporarily unavailable/m,
    'process-limit',
    'The compiler could not start another process.',
  ],
  [/^\S.*: Too many open files$/m, 'file-limit', 'The compiler had more files open than allowed.'],
  [
    /^\S.*: (out of memory allocating|virtual memory exhausted|memory exhausted|Cannot allocate memory)/m,
    'memory-limit',
    'The compiler ran out of memory.',
  ],
  [
    /^(LLVM ERROR: out of memory|terminate called after throwing an instance of 'std::bad_alloc')/m,
    'memory-limit',
    'The compiler ran out of memory.',
  ],
  [/^\S+: (fatal error|error): .*signal terminated program/m, 'compiler-crashed', 'A part of the compiler was killed by a signal.'],
  [
    /^\S+: error: (unable to execute command|.*command failed due to signal)/m,
    'compiler-crashed',
    'A part of the compiler was killed by a signal.',
  ],
  [/: internal compiler error: /m, 'compiler-crashed', 'The compiler reported an internal error.'],
  [/^bwrap: /, 'sandbox-failed', 'The sandbox could not be made.'],
];

/** Without control groups a program may not fit into its address space; with them a library that cannot be mapped is a broken toolchain. */
const tooSmall = /^\S+: error while loading shared libraries: .*(failed to map segment|cannot map zero-fill pages|annot allocate memory)/m;

/** Undefined when the end is the compiler's own answer. */
export const judge = (end: End): Verdict | undefined => {
  if (end.killed !== undefined) return { code: end.killed, sentence: killedSentences[end.killed] ?? 'The job was ended.' };
  if (end.counted.oomKills > 0)
    return { code: 'memory-limit', sentence: 'The kernel ended the compiler because it used more memory than allowed.' };
  if (end.diagnosticsBytes > end.diagnosticsLimit)
    return { code: 'output-limit', sentence: `The compiler printed ${end.diagnosticsBytes} bytes, which is more than allowed.` };
  if (end.cpuSeconds > end.limits.cpuSeconds) return { code: 'cpu-limit', sentence: tooMuchCpu };
  if (end.files > end.limits.inodes)
    return { code: 'file-limit', sentence: `The job has ${end.files} files and directories with its inputs, which is more than allowed.` };
  if (end.exit === undefined)
    return { code: 'sandbox-failed', sentence: `The sandbox could not be made: ${end.stderr.split('\n', 1)[0] ?? ''}` };
  if (end.exit === 0) return undefined;
  if (end.counted.forksRefused > 0) return { code: 'process-limit', sentence: 'The compiler started more processes than allowed.' };
  if (end.profile === 'strict-rlimit' && tooSmall.test(end.stderr))
    return { code: 'memory-limit', sentence: 'The compiler ran out of memory.' };
  for (const [pattern, code, sentence] of words) if (pattern.test(end.stderr)) return { code, sentence };
  if (end.exit === 128 + SIGXCPU) return { code: 'cpu-limit', sentence: tooMuchCpu };
  if (end.exit === 128 + SIGXFSZ) return { code: 'output-limit', sentence: 'The compiler wrote a larger file than allowed.' };
  if (end.exit > 128) return { code: 'compiler-crashed', sentence: `The compiler was ended by signal ${end.exit - 128}.` };
  return end.exit === 1
    ? undefined
    : { code: 'compiler-crashed', sentence: `The compiler ended with status ${end.exit}, which is not an answer.` };
};

const killedSentences: Partial<Record<ErrorCode, string>> = {
  'job-timeout': 'The job ran longer than its deadline.',
  'cpu-limit': tooMuchCpu,
  cancelled: 'The job was cancelled.',
};
