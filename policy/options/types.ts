/**
 * The shape of the options table: how an option is spelled, which values of it are known to be harmless, and what it does
 * to a job. The table is data; `lookup.ts` reads it, the client decides by it and the server enforces it.
 *
 * @module
 */
import type { OptionReason } from './reasons.ts';

export type Family = 'gcc' | 'clang';

/**
 * How an option takes its value: `flag` none; `joined` in the same argument; `separate` in the next argument;
 * `either` joined when something follows the spelling, else separate.
 */
export type Form = 'flag' | 'joined' | 'separate' | 'either';

/** Which part of the include search path a directory joins. */
export type SearchChain = 'quote' | 'user' | 'system' | 'system-after' | 'after' | 'cxx-system' | 'framework'
  | 'prefix' | 'with-prefix' | 'with-prefix-before';

/** What a file is that a compile writes. */
export type OutputRole = 'object' | 'precompiled' | 'assembly' | 'bitcode' | 'depfile' | 'dwo' | 'gcno' | 'stack-usage' | 'callgraph' | 'diagnostics'
  | 'optimisation-record' | 'time-trace' | 'database' | 'declarations';

/** How a file that a compile writes beside its output is named. */
export interface AuxiliaryFile {
  readonly role: OutputRole;
  /** Takes the place of the output's suffix. */
  readonly suffix: string;
  /** Only when an object is made (the assembler's side of the work). */
  readonly objectOnly?: boolean;
}

/** The part an option of the -M family plays. `all` and `user` write a dependency file, with or without system headers. */
export type DependencyPart = 'all' | 'user' | 'file' | 'target' | 'quoted-target' | 'phony' | 'plain';

export type Effect =
  | { readonly kind: 'plain' }
  /** This command is compiled where it was typed. A server refuses it too. */
  | { readonly kind: 'local'; readonly reason: OptionReason }
  /** Nobody may send this: it would run code, or read or write outside the job. */
  | { readonly kind: 'refused'; readonly reason: OptionReason }
  /** The value names a text file that the compiler reads. */
  | { readonly kind: 'input' }
  /** The value names a header that is read before the source; `macros` keeps only its macros. */
  | { readonly kind: 'include'; readonly macros: boolean }
  | { readonly kind: 'search'; readonly chain: SearchChain }
  | { readonly kind: 'define'; readonly undo: boolean }
  /** The value names the file that is written instead of the default one. */
  | { readonly kind: 'destination' }
  /** The value names a further file that is written. */
  | { readonly kind: 'output'; readonly role: OutputRole }
  | { readonly kind: 'auxiliary'; readonly files: readonly AuxiliaryFile[] }
  | { readonly kind: 'stage'; readonly stage: 'object' | 'assembly' | 'bitcode' }
  | { readonly kind: 'dependencies'; readonly part: DependencyPart }
  | { readonly kind: 'language' }
  /** The value is a comma-separated list (`-Wa,…`) or one argument (`-Xassembler …`) for another program. */
  | { readonly kind: 'pieces'; readonly tool: 'assembler' | 'preprocessor' | 'linker' };

export interface OptionEntry {
  readonly spelling: string;
  readonly form: Form;
  readonly families: readonly Family[];
  readonly effect: Effect;
  /** Values known to be harmless; any other value makes the option unknown. Absent: every value. */
  readonly value?: RegExp;
}
