/**
 * What an executor has for all its jobs: the file systems that `wardcc-slot` mounted, the seccomp filter, the hold on its control group.
 *
 * @module
 */
import { mkdirSync, openSync, realpathSync, statfsSync, writeFileSync } from 'node:fs';
import type { Limits } from '../../policy/types.ts';
import { WardError } from '../../protocol/errors.ts';
import type { SlotGroup } from '../sandbox/cgroup.ts';
import { bubblewrap } from '../sandbox/isolation.ts';
import type { Profile } from '../sandbox/limits.ts';
import { Meter, type Counters } from '../sandbox/meter.ts';
import { encodeFilter, filterFor } from '../sandbox/seccomp/bpf.ts';
import { slotPlaces } from '../sandbox/slot.ts';
import { Reaper } from './reaper.ts';
import { InputTree } from './tree.ts';

export interface SlotConfiguration {
  /** The slot's directory, as given to `wardcc-slot`. */
  readonly directory: string;
  readonly profile: Profile;
  /** Absent only with `strict-rlimit`. */
  readonly group?: SlotGroup | undefined;
}

/** What the executor itself needs of the slot's memory and processes, beside the job. */
const ownBytes = 128 * 2 ** 20;
const ownProcesses = 32;

export class Slot {
  readonly profile: Profile;
  readonly work: string;
  readonly temporary: string;
  readonly printed: string;
  readonly tree: InputTree;
  /** For `bwrap --seccomp`; the second is for a job whose compiler believes to write to a terminal. */
  readonly seccompFiles: { readonly plain: string; readonly terminal: string };
  readonly bubblewrap = bubblewrap;
  readonly reaper: Reaper;
  /** Standard input of every job. */
  readonly nothing = openSync('/dev/null', 'r');
  readonly #meter: Meter | undefined;

  /** @throws WardError `sandbox-failed` when this is not a slot that `wardcc-slot` made */
  constructor({ directory, profile, group }: SlotConfiguration) {
    if (process.getuid!() === 0) throw new WardError('sandbox-failed', 'An executor never runs as root.');
    if (profile === 'strict' && group === undefined) throw new WardError('sandbox-failed', 'A strict slot needs a control group.');
    this.profile = profile;
    const places = slotPlaces(realpathSync(directory));
    this.work = places.work;
    this.temporary = places.temporary;
    this.printed = places.printed;
    mkdirSync(`${this.work}/tree`, { mode: 0o755 });
    this.tree = new InputTree(`${this.work}/tree`);
    this.seccompFiles = { plain: `${this.work}/seccomp.bpf`, terminal: `${this.work}/seccomp-terminal.bpf` };
    const architecture = process.arch === 'arm64' ? 'arm64' : 'x64';
    writeFileSync(this.seccompFiles.plain, encodeFilter(filterFor(architecture)), { mode: 0o400 });
    writeFileSync(this.seccompFiles.terminal, encodeFilter(filterFor(architecture, { terminal: true })), { mode: 0o400 });
    this.reaper = new Reaper();
    this.#meter = group === undefined ? undefined : new Meter(group);
  }

  /** Sets the group's limits for a job and gives the counters as they stand before it. Inputs lie in memory that counts as the slot's. */
  limit(limits: Limits, inputBytes: number): Counters {
    this.#meter?.limit({ memoryBytes: limits.memoryBytes + inputBytes + ownBytes, processes: limits.processes + ownProcesses });
    return this.counters();
  }

  counters(): Counters {
    if (this.#meter === undefined) return { oomKills: 0, forksRefused: 0, cpuMs: 0 };
    return { ...this.#meter.read(), cpuMs: this.cpuMs() ?? 0 };
  }

  /** CPU time in milliseconds of all that ever ran in this slot but the executor; undefined where nothing counts it. */
  cpuMs(): number | undefined {
    if (this.#meter === undefined) return undefined;
    const { user, system } = process.cpuUsage();
    return this.#meter.cpuMs() - (user + system) / 1000;
  }

  /** Files, directories and links that lie in the slot's tree and temporary directory at this moment. */
  inodes(): number {
    return [this.work, this.temporary].reduce((sum, place) => {
      const { files, ffree } = statfsSync(place);
      return sum + files - ffree;
    }, 0);
  }
}
