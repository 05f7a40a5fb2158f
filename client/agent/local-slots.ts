/**
 * Bounds the compiles that run on this machine: `make -j40` must not become forty local compilers.
 *
 * What always holds: at most `total` leases are out, except those taken with `unlimited`; waiters are served in order, those that want
 * a slot only when nobody else does after all others.
 *
 * @module
 */
import { WardError } from '../../protocol/errors.ts';

/** The right to run one compiler here. Released once; more often does nothing. */
export interface SlotLease {
  release(): void;
}

interface Waiter {
  grant(lease: SlotLease): void;
}

export class LocalSlots {
  readonly total: number;
  #used = 0;
  #unlimited = 0;
  readonly #waiters = new Set<Waiter>();
  readonly #patient = new Set<Waiter>();

  /** @param total at least 1 */
  constructor(total: number) {
    this.total = Math.max(1, Math.floor(total));
  }

  /** Compilers that run under a lease, `unlimited` ones included. */
  get used(): number {
    return this.#used + this.#unlimited;
  }

  get waiting(): number {
    return this.#waiters.size;
  }

  /** A slot if one is free now and nobody waits for it. */
  tryAcquire(): SlotLease | undefined {
    return this.#used < this.total && this.#waiters.size === 0 ? this.#lease() : undefined;
  }

  /** A slot when one is free. @throws WardError `cancelled` when the signal fires first. */
  acquire(signal?: AbortSignal): Promise<SlotLease> {
    return this.#acquire(this.#waiters, signal);
  }

  /** A slot when one is free that nobody else wants. @throws WardError `cancelled` when the signal fires first. */
  acquireIdle(signal?: AbortSignal): Promise<SlotLease> {
    return this.#acquire(this.#patient, signal);
  }

  #acquire(waiters: Set<Waiter>, signal: AbortSignal | undefined): Promise<SlotLease> {
    const free = this.tryAcquire();
    if (free !== undefined) return Promise.resolve(free);
    return new Promise((resolve, reject) => {
      const cancel = (): void => {
        waiters.delete(waiter);
        reject(new WardError('cancelled'));
      };
      const waiter: Waiter = {
        grant: (lease) => {
          signal?.removeEventListener('abort', cancel);
          resolve(lease);
        },
      };
      if (signal?.aborted === true) return cancel();
      signal?.addEventListener('abort', cancel, { once: true });
      waiters.add(waiter);
    });
  }

  /** For the tiny probes of configure and cmake, which come one after the other and must not wait for a build. */
  unlimited(): SlotLease {
    this.#unlimited += 1;
    return once(() => {
      this.#unlimited -= 1;
    });
  }

  #lease(): SlotLease {
    this.#used += 1;
    return once(() => {
      this.#used -= 1;
      const waiters = this.#waiters.size > 0 ? this.#waiters : this.#patient;
      const [next] = waiters;
      if (next === undefined) return;
      waiters.delete(next);
      next.grant(this.#lease());
    });
  }
}

const once = (action: () => void): SlotLease => {
  let held = true;
  return {
    release: () => {
      if (!held) return;
      held = false;
      action();
    },
  };
};
