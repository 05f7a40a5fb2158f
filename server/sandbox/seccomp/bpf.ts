/**
 * Classic BPF as seccomp takes it: the program for an architecture, made from the table, and an interpreter that runs one.
 *
 * What always holds: the architecture is checked first and x32 calls are killed, so no number can be read with another
 * meaning; the numbers are searched by a balanced tree; every path ends in a RET. The interpreter is not used in operation:
 * it lets tests ask every number without a kernel.
 *
 * @module
 */
import { WardError } from '../../../protocol/errors.ts';
import { otherwise, rulesFor, type Action, type Architecture, type ArgumentRule, type FilterOptions, type SyscallRule } from './list.ts';

/** One `struct sock_filter`. */
export interface Instruction {
  readonly code: number;
  readonly jt: number;
  readonly jf: number;
  readonly k: number;
}

/** `struct seccomp_data`, with the low 32 bits of each argument. */
export interface SeccompData {
  readonly number: number;
  readonly audit: number;
  readonly args?: readonly number[];
}

/** AUDIT_ARCH_X86_64 and AUDIT_ARCH_AARCH64. */
export const auditArchitecture: Readonly<Record<Architecture, number>> = Object.freeze({ x64: 0xc000003e, arm64: 0xc00000b7 });

const LD_W_ABS = 0x20;
const AND_K = 0x54;
const JA = 0x05;
const JEQ_K = 0x15;
const JGE_K = 0x35;
const RET_K = 0x06;

const [offsetOfNumber, offsetOfArchitecture, offsetOfArguments] = [0, 4, 16];
const x32Bit = 0x40000000;
const furthestJump = 255;

const [retKillProcess, retErrno, retAllow] = [0x80000000, 0x00050000, 0x7fff0000];

/** The 32-bit value that a filter returns for an action (linux/seccomp.h). */
export const returnValue = (action: Action): number =>
  action === 'allow' ? retAllow : action === 'kill' ? retKillProcess : retErrno | action.errno;

const load = (offset: number): Instruction => ({ code: LD_W_ABS, jt: 0, jf: 0, k: offset });
const ret = (action: Action): Instruction => ({ code: RET_K, jt: 0, jf: 0, k: returnValue(action) });

const checkArguments = (rules: readonly ArgumentRule[], action: Action): Instruction[] => [
  ...rules.flatMap((rule) => [
    load(offsetOfArguments + 8 * rule.argument),
    { code: AND_K, jt: 0, jf: 0, k: rule.mask >>> 0 },
    { code: JEQ_K, jt: 0, jf: 1, k: rule.value >>> 0 },
    ret(rule.action),
  ]),
  ret(action),
];

/** Numbers from `start` up to the next range's start share a verdict. */
interface Range {
  readonly start: number;
  readonly verdict: readonly Instruction[];
}

const sameVerdict = (a: Range | undefined, b: Range): boolean =>
  a !== undefined && a.verdict.length === 1 && b.verdict.length === 1 && a.verdict[0]!.k === b.verdict[0]!.k;

const rangesOf = (architecture: Architecture, rules: readonly SyscallRule[], rest: Action): Range[] => {
  const ranges: Range[] = [];
  const add = (range: Range) => {
    if (!sameVerdict(ranges.at(-1), range)) ranges.push(range);
  };
  let next = 0;
  for (const { number, action, rules: own } of rules) {
    if (number > next) add({ start: next, verdict: [ret(rest)] });
    add({ start: number, verdict: checkArguments(own, action) });
    next = number + 1;
  }
  add({ start: next, verdict: [ret(rest)] });
  if (architecture === 'x64') add({ start: x32Bit, verdict: [ret('kill')] });
  return ranges;
};

const tree = (ranges: readonly Range[]): readonly Instruction[] => {
  if (ranges.length === 1) return ranges[0]!.verdict;
  const middle = ranges.length >> 1;
  const low = tree(ranges.slice(0, middle));
  const high = tree(ranges.slice(middle));
  const k = ranges[middle]!.start;
  const branch =
    low.length <= furthestJump
      ? [{ code: JGE_K, jt: low.length, jf: 0, k }]
      : [
          { code: JGE_K, jt: 0, jf: 1, k },
          { code: JA, jt: 0, jf: 0, k: low.length },
        ];
  return [...branch, ...low, ...high];
};

/** The filter that a table makes; `rest` is done with calls that are not in it. */
export const filterOf = (architecture: Architecture, rules: readonly SyscallRule[], rest: Action): Instruction[] => [
  load(offsetOfArchitecture),
  { code: JEQ_K, jt: 1, jf: 0, k: auditArchitecture[architecture] },
  ret('kill'),
  load(offsetOfNumber),
  ...tree(rangesOf(architecture, rules, rest)),
];

/** The filter of a job for one architecture. */
export const filterFor = (architecture: Architecture, options: FilterOptions = {}): Instruction[] =>
  filterOf(architecture, rulesFor(architecture, options), otherwise);

/** The bytes that `bwrap --seccomp FD` reads: an array of `struct sock_filter` (both architectures are little-endian). */
export const encodeFilter = (program: readonly Instruction[]): Buffer => {
  const bytes = Buffer.alloc(8 * program.length);
  program.forEach(({ code, jt, jf, k }, index) => {
    bytes.writeUInt16LE(code, 8 * index);
    bytes.writeUInt8(jt, 8 * index + 2);
    bytes.writeUInt8(jf, 8 * index + 3);
    bytes.writeUInt32LE(k >>> 0, 8 * index + 4);
  });
  return bytes;
};

/** Runs a filter as the kernel would and gives the value it returns. Throws `internal` on a program that leaves its own bounds. */
export const interpret = (program: readonly Instruction[], data: SeccompData): number => {
  const words = new Map<number, number>([
    [offsetOfNumber, data.number],
    [offsetOfArchitecture, data.audit],
  ]);
  for (let index = 0; index < 6; index++) words.set(offsetOfArguments + 8 * index, data.args?.[index] ?? 0);
  let accumulator = 0;
  for (let at = 0; ; at++) {
    const instruction = program[at];
    if (instruction === undefined) throw new WardError('internal', 'The seccomp filter runs past its end.');
    const { code, jt, jf, k } = instruction;
    if (code === RET_K) return k >>> 0;
    if (code === LD_W_ABS) accumulator = (words.get(k) ?? Number.NaN) >>> 0;
    else if (code === AND_K) accumulator = (accumulator & k) >>> 0;
    else if (code === JA) at += k;
    else if (code === JEQ_K) at += accumulator === k >>> 0 ? jt : jf;
    else if (code === JGE_K) at += accumulator >= k >>> 0 ? jt : jf;
    else throw new WardError('internal', `The seccomp filter has the unknown instruction ${code}.`);
  }
};
