/**
 * Local slots take part when the farm is full: a job that stands in line everywhere goes to whichever is free first, a server
 * or a slot of this machine. Only where the user lets jobs be compiled here at all.
 *
 * @module
 */
import type { CompileOptions, Farm, FarmJob, FarmResult } from '../farm/farm.ts';
import type { LocalSlots, SlotLease } from './local-slots.ts';

export type Placed = { readonly result: FarmResult } | { readonly slot: SlotLease };

/** Has the job done by the farm, or gives the local slot that was free sooner. @throws WardError as `Farm.compile` */
export async function compileOrTakeSlot(farm: Farm, slots: LocalSlots, job: FarmJob, signal: AbortSignal, options: CompileOptions): Promise<Placed> {
  const leaveFarm = new AbortController();
  const leaveSlots = new AbortController();
  const taken = Promise.withResolvers<Placed>();
  let waiting = false;
  /** Ours until it is given to the caller. */
  let held: SlotLease | undefined;
  const onFull = (): void => {
    if (waiting) return;
    waiting = true;
    slots.acquire(AbortSignal.any([signal, leaveSlots.signal])).then(
      (slot) => {
        // The farm may have taken the job in the meantime: then the slot is for somebody else.
        if (leaveSlots.signal.aborted) return slot.release();
        held = slot;
        taken.resolve({ slot });
        leaveFarm.abort();
      },
      () => {},
    );
  };
  const compiled = farm.compile(job, AbortSignal.any([signal, leaveFarm.signal]), { ...options, onFull, onPlaced: () => leaveSlots.abort() });
  try {
    const placed = await Promise.race([compiled.then((result): Placed => ({ result })), taken.promise]);
    if ('slot' in placed) held = undefined;
    return placed;
  } finally {
    leaveSlots.abort();
    held?.release();
    compiled.catch(() => {});
  }
}
