/**
 * What the agent's parts and the job say to each other.
 *
 * A job is one compile that a launcher asked for. `runJob` decides what becomes of it and, if a server did it, hands the files
 * and the text to the reply; everything else (local slots, counting, explaining, the launcher's protocol) is the agent's.
 *
 * @module
 */
import type { LocalSlots, SlotLease } from './local-slots.ts';
import type { Farm } from '../farm/farm.ts';
import type { FarmView } from './farm-view.ts';
import type { InputsMemory } from '../inputs/collect.ts';
import type { LocalResults } from '../results/local-results.ts';
import type { Displaced } from './displaced.ts';
import type { ProvenanceLog } from '../results/provenance-log.ts';
import type { Verification } from '../verify/verification.ts';
import type { PathPrograms } from './path-programs.ts';
import type { LocalToolchains } from './toolchains.ts';
import type { WarmUp } from './warm-up.ts';

/** One compile, as the launcher described it. Everything here comes from the user's own process: trusted as the user is. */
export interface LauncherRequest {
  /** The compiler's argv; `argv[0]` as it would be executed. */
  readonly argv: readonly string[];
  /** Absolute path of the compiler that the launcher found, links not resolved. */
  readonly compiler: string;
  /** What getcwd says. */
  readonly cwd: string;
  /** `$PWD`, if it names the same directory. */
  readonly pwd?: string;
  readonly umask: number;
  /** `$PATH`, if it is set. */
  readonly path?: string;
  /** The part of the environment that changes a compile, chooses a credential or is wardcc's own. Null prototype. */
  readonly env: Readonly<Record<string, string>>;
  /** The launcher's stderr, and how wide the terminal on its stdin is; 0 where unknown. */
  readonly terminal: { readonly isTerminal: boolean; readonly columns: number; readonly inputColumns: number };
  readonly pid: number;
  /** When the launcher began, in ms of the monotonic clock: what the build did before that is done. */
  readonly begunMs: number;
  /** Mount namespace and root directory of the launcher. */
  readonly namespace: string;
  /** Is every text above exactly what the launcher sent? False if some of it was not UTF-8: such a job stays local. */
  readonly isUtf8: boolean;
}

/** How a compiler ended: one of the two is 0. */
export interface ExitStatus {
  readonly code: number;
  readonly signal: number;
}

/** Takes what a server made. Nothing becomes visible to the user before `done`. */
export interface LauncherReply {
  /** An output file, in the order of importance: the object first. `mode` is before the umask. */
  output(path: string, mode: number, content: Buffer): void;
  /** What an earlier compile left there goes. */
  remove(path: string): void;
  stdout(bytes: Buffer): void;
  stderr(bytes: Buffer): void;
  /** The compiler's end. Without it a `remote` or `hit` outcome is a bug. */
  done(status: ExitStatus): void;
}

/**
 * What became of a job.
 * `local`: the launcher runs the compiler; nothing was given to the reply. `denied`: a policy said no; `failed`: the farm
 * couldn't and nothing may be compiled here instead; both end with `message` on stderr and `exit`.
 */
export interface JobOutcome {
  readonly how: 'remote' | 'hit' | 'local' | 'denied' | 'failed';
  /** A short code: why it was local, denied or failed. */
  readonly reason?: string;
  /** Which server did it, or refused. */
  readonly server?: string;
  /** From request to outcome. */
  readonly ms: number;
  /** For `denied` and `failed`: sentences for the user. For `local`: more than the code says, for WARDCC_EXPLAIN. */
  readonly message?: string;
  /** For `denied` and `failed`: exit status, 116 if absent. */
  readonly exit?: number;
  /** For `local`: a line for stderr even if nobody asked for an explanation. */
  readonly notice?: string;
  /** For `local`: runs at once, outside the limit of local slots (configure's probes). */
  readonly unlimited?: boolean;
  /** For `local`: the slot that the job already took while it waited for the farm. */
  readonly slot?: SlotLease;
  /** Why it was done more than once, by code. */
  readonly again?: string;
  /** Absolute path of the source, for `wardctl why`. */
  readonly source?: string;
}

/** What the agent itself uses. */
export interface BaseServices {
  /** Slots for compiles on this machine. */
  readonly localSlots: LocalSlots;
  readonly farm: FarmView;
  /** Where objects came from: compiled here, as far as the agent itself knows. */
  readonly provenance: Pick<ProvenanceLog, 'local' | 'close'>;
  /** Jobs that are compiled twice. */
  readonly verification: Pick<Verification, 'counts' | 'zero' | 'restore' | 'alarms' | 'close'>;
  /** What outlives the agent lies there. */
  readonly cacheDirectory: string;
  /** What is done before a job comes. */
  readonly warmUp: Pick<WarmUp, 'run' | 'remember'>;
}

/** What a job may use. */
export interface AgentServices extends BaseServices {
  /** Servers, sessions and configuration. */
  readonly farm: Farm;
  /** The compilers of this machine, by content. */
  readonly toolchains: LocalToolchains;
  /** Programs that compilers look up on PATH. */
  readonly pathPrograms: PathPrograms;
  /** What is known of files and search paths from one job to the next. */
  readonly inputs: InputsMemory;
  /** Results that this machine keeps. */
  readonly results: LocalResults;
  /** Commands that can't be sent as if their checkout lay elsewhere. */
  readonly displaced: Displaced;
  /** Where objects came from. */
  readonly provenance: ProvenanceLog;
  readonly verification: Verification;
  readonly warmUp: WarmUp;
}
