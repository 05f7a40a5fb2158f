/**
 * A command that maps the directory of its checkout away (`-ffile-prefix-map=DIR=…` and its like) makes the same object in every
 * checkout. Such a command is sent as if its checkout lay in one fixed place, so that everybody's is the same job: what a server
 * runs, names and signs is exactly that job, and the client alone answers for its being the same as the one that was typed.
 *
 * It must be the same whatever the source says. So the command may name the directory only where it is opened, written or mapped;
 * nothing may be made in which a path counts without being seen, like a hash of it or a compressed part; and all names by which
 * a compiler could speak of a file are mapped, or have no directory in them. What is left shows in the result, which is searched
 * for it ({@link module:client/results/checkout}).
 *
 * @module
 */
import { readArguments, type Reading } from '../../policy/options/index.ts';
import type { ReadOption } from '../../policy/options/arguments.ts';
import type { Family } from '../../policy/options/types.ts';
import type { CompileCommand } from './types.ts';

/** A word that is in every path below {@link commonCheckout}, whatever a compiler makes of characters that are no letters. */
export const checkoutMark = 'wardcc_checkout';

/**
 * Where every such checkout is said to lie. It is deeper than any of them: a path with too many `..` leads to nothing there if
 * it led to nothing where it was typed.
 */
export const commonCheckout = `/${checkoutMark}/2/3/4/5/6/7/8/9`;
const deepest = commonCheckout.split('/').length;

/** Directories whose names need quoting nowhere: in dependency files, diagnostics, maps and patterns. */
const plainPath = /^(?:\/[A-Za-z0-9_+][A-Za-z0-9_.+-]*)+$/;

const maps: Readonly<Record<string, 'debug' | 'macro' | 'both'>> = Object.assign(Object.create(null), {
  '-ffile-prefix-map=': 'both', '-fdebug-prefix-map=': 'debug', '-fmacro-prefix-map=': 'macro',
});

/** What hashes, compresses or sorts paths, records the command, lays text out by the length of names, or chooses by names of files. */
const counts = new RegExp(`^(?:${[
  '-f(?:lto|profile|coverage|cs-profile|memory-profile|pseudo-probe|test-coverage|branch-probabilities|auto-profile|sanitize|xray|unique)',
  '-f(?:embed-bitcode|record|verbose-asm|diagnostics-format|message-length|instrument-functions-exclude|debug-types|debug-info-for)',
  '-f(?:emit-struct-debug|split|debug-compilation|file-compilation|order-file|thinlto|whole-program-vtables|virtual-function-elim)',
  '--?coverage$', '-g(?:split|z|record|embed|codeview|ctf|btf|stabs|xcoff|vms|coff|no-as-loc|src-hash)',
  '-emit-llvm', '-Wa,-a', '-R', '-H$', '--trace-includes$', '--include-(?:prefix|with-prefix)', '-p$', '-pg$', '-i(?:prefix|withprefix)', '-F', '-iframework', '--embed-dir', '-object-file-name',
].join('|')})`);

const opens = new Set(['search', 'include', 'destination']);

const isInside = (path: string, directory: string): boolean => path === directory || path.startsWith(`${directory}/`);

/** What the value of an option names, if it names one path. */
const pathOf = ({ entry: { effect, spelling }, value = '' }: ReadOption): string | undefined => {
  if (opens.has(effect.kind) || (effect.kind === 'dependencies' && effect.part === 'file')) return value;
  return spelling in maps ? value.slice(0, value.indexOf('=')) : undefined;
};

type Typed = Pick<CompileCommand, 'argv' | 'family' | 'cwd' | 'pwd' | 'env' | 'outputs'>;

/** The directory that a command maps away, if the command can be sent as if that lay elsewhere. */
export const checkoutOf = (typed: Typed): string | undefined => {
  if (!typed.argv.some((argument) => /^-f(?:file|debug|macro)-prefix-map=/.test(argument))) return undefined;
  const reading = readArguments(typed.argv, typed.family);
  const found = mapsIn(reading).map(({ from }) => from.replace(/\/$/, '')).filter((from) => isInside(typed.cwd, from));
  // The outermost one holds all the others.
  const [checkout] = found.sort((a, b) => a.length - b.length);
  return checkout !== undefined && mayMove(typed, reading, checkout) ? checkout : undefined;
};

const mapsIn = ({ options }: Reading): { from: string; what: 'debug' | 'macro' | 'both' }[] =>
  options.flatMap((option) => {
    const what = maps[option.entry.spelling];
    return what === undefined ? [] : [{ from: pathOf(option) as string, what }];
  });

const mayMove = ({ argv, family, cwd, pwd, env, outputs }: Typed, reading: Reading, checkout: string): boolean => {
  if (!plainPath.test(checkout) || checkout.split('/').length > deepest || checkout.includes(checkoutMark)) return false;
  if ((pwd !== undefined && pwd !== cwd) || Object.values(env).some((value) => value.includes(checkout))) return false;
  if (reading.inputs.length > 0 || outputs.some(({ role }) => role !== 'object' && role !== 'assembly' && role !== 'depfile')) return false;
  if (argv.some((argument) => counts.test(argument))) return false;
  const moved = moveArguments(argv, family, checkout);
  return !moved.some((argument) => argument.includes(checkout)) && isMapped(family, cwd, reading, checkout);
};

/** Whether no name by which the compiler knows a file shows the directory. */
const isMapped = (family: Family, cwd: string, reading: Reading, checkout: string): boolean => {
  const known = mapsIn(reading);
  // A map of what is only a part of the directory's name would be one of another part elsewhere.
  if (known.some(({ from }) => checkout.startsWith(from.replace(/\/$/, '')) && from.replace(/\/$/, '') !== checkout)) return false;
  const named = [
    ...reading.sources, ...reading.includes, ...reading.search,
  ].map(({ path }) => path).filter((path) => isInside(path, checkout));
  // clang puts unmapped names into those of lambdas, which a program can count and hash.
  if (family === 'clang' && named.length > 0) return false;
  const covers = (kind: 'debug' | 'macro', path: string): boolean =>
    known.some(({ from, what }) => (what === kind || what === 'both') && path.startsWith(from));
  const debug = reading.options.some(({ entry: { spelling } }) => /^(?:-g(?!0$|no-)|--debug)/.test(spelling));
  return named.every((path) => covers('macro', `${path}/`)) && (!debug || [cwd, ...named.map((path) => `${path}/`)].every((path) => covers('debug', path)));
};

/** The arguments as they would be typed in the common checkout. */
const moveArguments = (argv: readonly string[], family: Family, checkout: string): string[] => {
  const reading = readArguments(argv, family);
  const moved = [...argv];
  for (const { path, index } of reading.sources) moved[index] = movePath(path, checkout);
  for (const option of reading.options) {
    const path = pathOf(option);
    if (path === undefined || !isInside(path, checkout)) continue;
    const last = option.index + option.consumed - 1;
    const argument = argv[last] as string;
    const start = argument.length - (option.value ?? '').length;
    moved[last] = argument.slice(0, start) + movePath(path, checkout) + argument.slice(start + path.length);
  }
  return moved;
};

/** Where a path lies in the common checkout; one that lies elsewhere stays. */
export const movePath = (path: string, checkout: string): string =>
  isInside(path, checkout) ? commonCheckout + path.slice(checkout.length) : path;

/** The command as it is sent. */
export const moveCommand = <T extends Typed>(command: T, checkout: string): T => ({
  ...command,
  argv: moveArguments(command.argv, command.family, checkout),
  cwd: movePath(command.cwd, checkout),
  ...(command.pwd === undefined ? {} : { pwd: movePath(command.pwd, checkout) }),
  outputs: command.outputs.map((output) => ({ ...output, path: movePath(output.path, checkout), spelled: movePath(output.spelled, checkout) })),
});
