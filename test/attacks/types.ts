/**
 * An attack as data: what a hostile job sends, and by which signs it would be seen to have worked.
 *
 * In every text `{WORK}` stands for the attacker's own directory, which goes to the server, and `{HOST}` for a directory of the
 * machine that is none of the job's business: a secret to read, files to change, programs to run (see `place.ts`).
 *
 * @module
 */
import type { ErrorCode } from '../../protocol/errors.ts';
import type { RawEntry } from './raw-tree.ts';

export type Family = 'run code' | 'read' | 'write' | 'slip past the parser' | 'exhaust' | 'paths and trees';

export type Compiler = 'gcc' | 'g++' | 'clang' | 'clang++';

/** A file by its content, a link by its target, a directory; `{PLUGIN}` as content is a shared object that runs when it is loaded. */
export type File = string | Buffer | { readonly link: string } | 'directory';

/**
 * What shows that an attack worked:
 *
 * - `read`     what only the machine knows is in what came back
 * - `ran`      a program or plug-in of the attacker's choice was executed
 * - `wrote`    something outside the job was made or changed; unsandboxed also: a file in the working directory that nobody asked for
 * - `exceeded` it used more than it was given
 * - `compiled` a plain compiler takes it: a name that invites mistakes, with nothing of its own to see
 */
export type Sign = 'read' | 'ran' | 'wrote' | 'exceeded' | 'compiled';

export interface Attack {
  readonly id: string;
  readonly family: Family;
  /** What it tries, in a few words. */
  readonly tries: string;
  /** Compilers on which it works when nothing stands in its way. */
  readonly compilers: readonly Compiler[];
  readonly files: Readonly<Record<string, File>>;
  /** Arguments after the compiler's name. */
  readonly argv: readonly string[];
  /** Called instead of the compiler. */
  readonly program?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** What the attacker asks for, in the place of the object file. */
  readonly outputs?: readonly string[];
  readonly cwd?: string;
  readonly pwd?: string;
  /** Instead of a tree of the files: entries as they are, by an encoder that checks nothing. */
  readonly tree?: readonly RawEntry[];
  readonly sign: Sign;
  /** Texts, beside the canary, that only the machine knows. */
  readonly secrets?: readonly (string | Buffer)[];
  /** What the first wall says; `blind`: it does not look at what this attack is made of, so the sandbox alone must hold. */
  readonly wall: ErrorCode | 'blind';
  /**
   * The proof that it works: run plainly; or on a machine that has its files wherever they say; or its tree laid out by a server that
   * checks nothing, with no compiler at all.
   */
  readonly proof?: 'plain' | 'laid out' | 'careless';
  /** One of those that stand for their family in the short run. */
  readonly short?: true;
}

/** One attack on one compiler. */
export interface Case {
  readonly name: string;
  readonly attack: Attack;
  readonly compiler: Compiler;
}
