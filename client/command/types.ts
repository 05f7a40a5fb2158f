/**
 * What a command turns out to be: something to run where it was typed, or a compile that can travel.
 *
 * @module
 */
import type { Language } from '../../policy/options/languages.ts';
import type { Family, OutputRole, SearchChain } from '../../policy/options/types.ts';
import type { LocalReason } from './reasons.ts';

/** A command as the launcher saw it. */
export interface CommandRequest {
  /** argv[0] as it was typed. */
  readonly argv: readonly string[];
  /** Absolute path of the compiler, links not resolved. */
  readonly compiler: string;
  /** What getcwd says. */
  readonly cwd: string;
  /** `$PWD`, if it names the same directory. */
  readonly pwd?: string;
  readonly env: Readonly<Record<string, string>>;
  /** The launcher's stderr, and how wide the terminal on its stdin is; 0 where unknown. */
  readonly terminal?: { readonly isTerminal: boolean; readonly columns: number; readonly inputColumns: number };
  /** False if something of the command was not UTF-8. */
  readonly isUtf8?: boolean;
}

export interface LocalCommand {
  readonly kind: 'local';
  readonly reason: LocalReason;
  /** The argument, variable or file that says so. */
  readonly detail?: string;
  /** A probe of configure, CMake, Meson or Kbuild: it waits for no slot. */
  readonly probe: boolean;
  /** Absolute path of the source, where one was recognised. */
  readonly source?: string;
}

export interface CommandOutput {
  readonly role: OutputRole;
  /** Absolute path with every link on the way resolved: where the file will lie. */
  readonly path: string;
  /** Absolute path as the command spells it. */
  readonly spelled: string;
}

/** Paths in here are absolute and spelled as in the command: `..` and links are left for the closure to follow. */
export interface CompileCommand {
  readonly kind: 'compile';
  readonly family: Family;
  readonly language: Language;
  /** Absolute path of the compiler, links not resolved; it is argv[0] too. */
  readonly compiler: string;
  /** What is sent and run: response files expanded, colours and width of the client's terminal made explicit. */
  readonly argv: readonly string[];
  /** Arguments for `-M`: the command without its outputs. argv[0] is not included; the source is. */
  readonly dependencyArguments: readonly string[];
  readonly cwd: string;
  readonly pwd?: string;
  readonly source: string;
  /** The object or assembly file first; every other one may be absent after a compile that succeeds. */
  readonly outputs: readonly CommandOutput[];
  /** The dependency file that is asked for. */
  readonly dependencies?: { readonly path: string; readonly systemHeaders: boolean };
  /** What travels of the environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly search: readonly { readonly chain: SearchChain; readonly path: string }[];
  readonly forcedIncludes: readonly { readonly macros: boolean; readonly path: string }[];
  /** Other text files that the compiler reads, such as a sanitizer's ignore list. */
  readonly inputs: readonly string[];
  readonly defines: readonly { readonly undo: boolean; readonly text: string }[];
  /** The directory that the command maps away, if it is sent as if that lay in the common checkout. */
  readonly checkout?: string;
}

export type Command = LocalCommand | CompileCommand;
