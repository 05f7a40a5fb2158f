/**
 * All contenders by name, each started when a part of the bench first asks for it, and ended with the bench.
 *
 * @module
 */
import { startCcache, startSccache } from './caches.ts';
import { plain, standIn, type Contender, type Surroundings } from './contender.ts';
import { startDistcc, startDistccGss } from './distcc.ts';
import { startIcecc } from './icecc.ts';
import { startWardcc, type WardccFarm } from './wardcc.ts';

const starts = {
  plain: async () => plain,
  'stand-in': async () => standIn,
  distcc: startDistcc,
  'distcc-gss': startDistccGss,
  ccache: startCcache,
  sccache: startSccache,
  icecc: startIcecc,
  cert: (surroundings: Surroundings) => startWardcc(surroundings, 'cert'),
  krb5: (surroundings: Surroundings) => startWardcc(surroundings, 'krb5'),
  ssh: (surroundings: Surroundings) => startWardcc(surroundings, 'ssh'),
} satisfies Readonly<Record<string, (surroundings: Surroundings) => Promise<Contender>>>;

export type ContenderName = keyof typeof starts;
type Started<N extends ContenderName> = N extends 'cert' | 'krb5' | 'ssh' ? WardccFarm : Contender;

export class Contenders {
  readonly #surroundings: Surroundings;
  readonly #started = new Map<ContenderName, Promise<Contender>>();

  constructor(surroundings: Surroundings) {
    this.#surroundings = surroundings;
  }

  /** @throws Error why it cannot run here; the same each time it is asked for */
  get<N extends ContenderName>(name: N): Promise<Started<N>> {
    let started = this.#started.get(name);
    if (started === undefined) {
      started = starts[name](this.#surroundings);
      started.catch(() => {});
      this.#started.set(name, started);
    }
    return started as Promise<Started<N>>;
  }

  /** How wardcc's jobs are isolated here; undefined before a farm of it runs. */
  async isolation(): Promise<string | undefined> {
    for (const name of ['cert', 'krb5', 'ssh'] as const) {
      const farm = await this.#started.get(name)?.catch(() => undefined);
      if (farm !== undefined) return (farm as WardccFarm).isolation;
    }
    return undefined;
  }

  /** Those that can run; `absent` is told of the others. */
  async those(names: readonly ContenderName[], absent: (name: string, thrown: unknown) => void): Promise<Contender[]> {
    const found: Contender[] = [];
    for (const name of names) {
      try {
        found.push(await this.get(name));
      } catch (thrown) {
        absent(name, thrown);
      }
    }
    return found;
  }

  async end(): Promise<void> {
    for (const started of [...this.#started.values()].reverse()) await started.then((contender) => contender.end(), () => {});
  }
}
