/**
 * The first way: everything as it is shipped. A throwaway farm with tight limits, attacked over the network by a committer.
 *
 * @module
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { parse } from 'jsonc-parser';
import { readFarmRecord } from '../../ctl/dev/farm-record.ts';
import { farmLayout, programs } from '../../ctl/dev/layout.ts';
import { WardError } from '../../protocol/errors.ts';
import { run } from '../../setup/demo/run.ts';
import { readEvents, type LoggedEvent } from '../fixtures/decision-log.ts';
import { bringUp, dev } from '../fixtures/farm.ts';
import { wireJob, type WireJob } from './job.ts';
import { tightLimits } from './limits.ts';
import { errorOutcome, type Outcome } from './outcome.ts';
import type { Place } from './place.ts';
import { openSession, submit, type Answer, type Credential, type RawSession } from './raw-client.ts';
import type { Case } from './types.ts';

/** What of a server there is to count: it must come back to this. */
export interface Footprint {
  readonly processes: readonly string[];
  readonly mounts: number;
}

export interface FarmChoices {
  /** For `wardctl dev up`. */
  readonly options?: readonly string[];
  /** Further parts of the policy. */
  readonly more?: object;
}

export class ShippedFarm {
  readonly directory: string;
  readonly place: Place;
  #session: RawSession | undefined;
  port = 0;

  private constructor(directory: string, place: Place) {
    this.directory = directory;
    this.place = place;
  }

  /** Brings it up in `directory`; `close` takes it down, also after a failure. */
  static async open(directory: string, place: Place, { options = ['--cores', '2'], more = {} }: FarmChoices = {}): Promise<ShippedFarm> {
    const farm = new ShippedFarm(directory, place);
    try {
      await farm.#bringUp(options, more);
      return farm;
    } catch (thrown) {
      await ShippedFarm.down(directory);
      throw thrown;
    }
  }

  async #bringUp(options: readonly string[], more: object): Promise<void> {
    await bringUp(this.directory, options);
    const { policy, server } = farmLayout(this.directory);
    this.port = Number(/"port": (\d+)/.exec(readFileSync(join(server(1), 'server.jsonc'), 'utf8'))![1]);
    const before = parse(readFileSync(policy, 'utf8')) as object;
    const tight = { ...before, serial: 2, limits: { tight: tightLimits }, defaults: { limits: 'tight' }, ...more };
    writeFileSync(policy, JSON.stringify(tight, undefined, 2));
    const loaded = (): boolean => this.log().some(({ event, policy: named }) => event === 'policy.loaded' && named?.serial === 2);
    const said = (): string => readFileSync(join(server(1), 'output.txt'), 'utf8');
    for (
      const patience = Date.now() + 60_000; !loaded(); await pause(50)
    ) if (Date.now() > patience) throw new Error(`the policy with tight limits is not taken: ${said()}`);
  }

  /** The credential of one of the farm's people. */
  credential(person = 'alice'): Credential {
    const { people, trust } = farmLayout(this.directory);
    return { port: this.port, ca: join(trust, 'ca.pem'), cert: join(people, person, 'cert.pem'), key: join(people, person, 'key.pem') };
  }

  /** A live session of alice's; a new one if the last was cut off. */
  async session(): Promise<RawSession> {
    if (this.#session !== undefined) return this.#session;
    const session = await openSession(this.credential());
    this.#session = session;
    void session.channel.closed.then(() => {
      if (this.#session === session) this.#session = undefined;
    });
    return session;
  }

  async job(one: Case): Promise<WireJob> {
    const { welcome } = await this.session();
    const toolchain = welcome.toolchains.find(({ name }) => name === `/usr/bin/${one.compiler}`);
    if (toolchain === undefined) throw new Error(`the farm has no ${one.compiler}`);
    return wireJob(one, this.place, toolchain.digest);
  }

  async submit(job: WireJob): Promise<Answer> {
    return submit(await this.session(), job);
  }

  /** Attacks, and says what came of it. */
  async attack(one: Case): Promise<Outcome & { readonly id: string }> {
    const { attack } = one;
    this.place.clear();
    this.place.restore();
    const before = this.place.snapshot();
    const job = await this.job(one);
    const { id } = job.probe;
    try {
      const { result, ...returned } = await this.submit(job);
      return {
        id, end: `exit ${result.status.code}`, message: returned.stderr.toString('utf8', 0, 200),
        signs: this.place.signs(attack, before, returned),
      };
    } catch (thrown) {
      const said = Buffer.from(thrown instanceof WardError ? thrown.message : '');
      // A refusal repeats the argument; what an attack stole would be there too.
      return { id, ...errorOutcome(thrown, this.place.signs(attack, before, { stdout: Buffer.alloc(0), stderr: said, outputs: [] })) };
    }
  }

  /** An honest job of each compiler; throws when it does not go through. */
  async honest(compilers: readonly Case['compiler'][]): Promise<void> {
    for (const compiler of compilers) {
      const one: Case = {
        name: 'honest', compiler,
        attack: {
          id: 'honest', family: 'read', tries: '', compilers: [compiler], files: { 'a.c': `int honest_${Date.now()};\n` },
          argv: ['-c', 'a.c', '-o', 'a.o'], sign: 'read', wall: 'blind',
        },
      };
      const { result } = await this.submit(await this.job(one));
      if (result.status.code !== 0 || result.outputs.length !== 1) throw new Error(`${compiler} does not compile any more`);
    }
  }

  /** The records of the decision log. */
  log(): LoggedEvent[] {
    return readEvents(farmLayout(this.directory).log);
  }

  /** What `wardctl audit verify` has against the log. */
  async auditFailures(): Promise<string[]> {
    const { status, stdout, stderr } = await run([join(programs, 'wardctl'), 'audit', 'verify', farmLayout(this.directory).log]);
    return status === 0 ? [] : [`wardctl audit verify: ${stdout}${stderr}`];
  }

  /** What there is once it is the same for a while: of a job that has just ended something may still be going. */
  async settledFootprint(): Promise<Footprint> {
    let [found, same] = [await this.footprint(), 0];
    for (const patience = Date.now() + 30_000; same < 5 && Date.now() < patience;) {
      await pause(100);
      const next = await this.footprint();
      same = isDeepStrictEqual(next, found) ? same + 1 : 0;
      found = next;
    }
    return found;
  }

  /** What there is, as soon as it is this, or else after half a minute. */
  async footprintLike(expected: Footprint): Promise<Footprint> {
    for (const patience = Date.now() + 30_000; ; await pause(100)) {
      const found = await this.footprint();
      if (isDeepStrictEqual(found, expected) || Date.now() > patience) return found;
    }
  }

  async footprint(): Promise<Footprint> {
    const record = await readFarmRecord(farmLayout(this.directory).record);
    const root = record!.processes[0]!.pid;
    const processes = descendants(root);
    return {
      processes: processes.map((pid) => commandOf(pid)).sort(),
      mounts: processes.reduce((sum, pid) => sum + readProc(pid, 'mountinfo').split('\n').length, 0),
    };
  }

  async close(): Promise<void> {
    this.#session?.channel.close();
    await ShippedFarm.down(this.directory);
  }

  static async down(directory: string): Promise<void> {
    const { status, stderr } = await dev('down', directory);
    if (status !== 0) throw new Error(stderr);
  }
}

const readProc = (pid: number, name: string): string => {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8');
  } catch {
    return '';
  }
};

const commandOf = (pid: number): string => readProc(pid, 'cmdline').split('\0').slice(0, 3).join(' ');

/** The process and all below it. */
const descendants = (root: number): number[] => {
  const parents = readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number)
    .map((pid) => ({ pid, parent: Number(/\) \S (\d+)/.exec(readProc(pid, 'stat'))?.[1] ?? -1) }));
  const below = (parent: number): number[] => [
    parent, ...parents.filter((each) => each.parent === parent).flatMap(({ pid }) => below(pid)),
  ];
  return below(root);
};
