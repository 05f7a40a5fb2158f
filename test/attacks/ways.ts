/**
 * One case in all ways: proved to work, then tried against the product as shipped, against the sandbox alone, and against the check
 * of the command alone.
 *
 * What always holds: the ways differ in which parts are put together here. No option, variable or configuration of the product
 * switches a wall off.
 *
 * @module
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { CheckOnly } from './check-only.ts';
import { complaint } from './outcome.ts';
import { Place } from './place.ts';
import { runPlainly } from './plain.ts';
import { SandboxOnly } from './sandbox-only.ts';
import { ShippedFarm, type Footprint } from './shipped.ts';
import type { Case, Compiler } from './types.ts';

export const compilers: readonly Compiler[] = ['gcc', 'g++', 'clang', 'clang++'];

/** Ends that a limit or a crash made: the log says what the job had used by then. */
const stopped: ReadonlySet<string> = new Set(['cpu-limit', 'memory-limit', 'process-limit', 'output-limit', 'file-limit', 'job-timeout', 'compiler-crashed']);

export interface Report {
  readonly name: string;
  readonly tries: string;
  readonly proof: 'works' | 'does not work';
  /** How it ended in each way. */
  readonly shipped: string;
  readonly sandbox: string;
  readonly check: string;
  /** Empty: it was held. */
  readonly failures: readonly string[];
}

export class Ways {
  readonly #place: Place;
  readonly farm: ShippedFarm;
  readonly #sandbox: SandboxOnly;
  readonly #check: CheckOnly;
  readonly #before: Footprint;
  /** Jobs by the name they have in the log, and how they ended. */
  readonly #jobs = new Map<string, string>();

  private constructor(place: Place, farm: ShippedFarm, sandbox: SandboxOnly, check: CheckOnly, before: Footprint) {
    this.#place = place;
    this.farm = farm;
    this.#sandbox = sandbox;
    this.#check = check;
    this.#before = before;
  }

  static async open(): Promise<Ways> {
    const place = new Place();
    const directory = join(place.directory, 'farm');
    const opened: { close(): Promise<void> }[] = [];
    try {
      const check = await CheckOnly.open(place, compilers);
      const farm = await ShippedFarm.open(directory, place);
      opened.push(farm);
      await farm.honest(compilers);
      const sandbox = await SandboxOnly.open(place, compilers);
      opened.push(sandbox);
      return new Ways(place, farm, sandbox, check, await farm.settledFootprint());
    } catch (thrown) {
      for (const each of opened) await each.close();
      await ShippedFarm.down(directory);
      place.remove();
      throw thrown;
    }
  }

  async try(one: Case): Promise<Report> {
    const { attack, name } = one;
    const failures: string[] = [];
    const proof = (await runPlainly(one, this.#place)).has(attack.sign) ? 'works' : 'does not work';
    if (proof !== 'works') failures.push(`it does not even work unsandboxed: no sign of "${attack.sign}"`);

    const check = await this.#check.attack(one);
    const said = check.end === 'exit 0' ? 'blind' : check.end;
    if (said !== attack.wall) failures.push(`check alone: ${said} in the place of ${attack.wall} (${check.message})`);

    const sandbox = await this.#sandbox.attack(one);
    const held = complaint(sandbox);
    if (held !== undefined) failures.push(`sandbox alone: ${held}`);

    const shipped = await this.farm.attack(one);
    this.#jobs.set(shipped.id, shipped.end);
    const wrong = complaint(shipped);
    if (wrong !== undefined) failures.push(`as shipped: ${wrong}`);
    else if (attack.wall !== 'blind' && shipped.end !== attack.wall) failures.push(
      `as shipped: ${shipped.end} in the place of ${attack.wall} (${shipped.message})`
    );
    return { name, tries: attack.tries, proof, shipped: shipped.end, sandbox: sandbox.end, check: said, failures };
  }

  /** What must be true when all is over: the server works as before, has as many processes and mounts, and wrote everything down. */
  async aftermath(): Promise<string[]> {
    const failures: string[] = [];
    await this.farm.honest(compilers).catch((error: Error) => failures.push(`an honest job: ${error.message}`));
    const after = await this.farm.footprintLike(this.#before);
    if (JSON.stringify(after) !== JSON.stringify(this.#before)) failures.push(
      `processes and mounts: ${JSON.stringify(after)} after ${JSON.stringify(this.#before)}`
    );
    // How a job ended is logged after it was answered.
    for (const patience = Date.now() + 30_000; this.#logFailures().length > 0 && Date.now() < patience;) await pause(100);
    return [...failures, ...this.#logFailures(), ...(await this.farm.auditFailures())];
  }

  /** Each decision is in the log, and how each job that was let in ended. */
  #logFailures(): string[] {
    const log = this.farm.log();
    const decisions = new Map(
      log.filter(({ event }) => event === 'job.allowed' || event === 'job.denied').map((record) => [record.id, record])
    );
    const ends = new Map(log.filter(({ event }) => event === 'job.end').map((record) => [record.of, record]));
    return [...this.#jobs].flatMap(([id, end]): string[] => {
      const decision = decisions.get(id);
      if (decision === undefined) return [`the log does not have ${id} (${end})`];
      if (decision.event === 'job.denied') return decision.reason === end ? [] : [
        `the log says ${decision.reason} of ${id}, which ended with ${end}`,
      ];
      const ended = ends.get(decision.seq);
      if (ended === undefined) return [`the log does not say how ${id} ended (${end})`];
      return stopped.has(end) && ended.usage === undefined ? [`the log does not say what ${id} used before ${end}`] : [];
    });
  }

  async close(): Promise<void> {
    await this.#sandbox.close();
    await this.farm.close();
    rmSync(this.farm.directory, { recursive: true, force: true });
    this.#place.remove();
  }
}
