/**
 * One job on its way to a server: whom it is put to, when more are asked, and what its home is told in the end.
 *
 * @module
 */
import type { Probe } from '../../protocol/messages.ts';
import { toWardError, WardError } from '../../protocol/errors.ts';
import { Attempt, type FarmJob, type FarmResult, type VerifyResult } from './attempt.ts';
import { canRun, roomiest, type Candidates, type Needs } from './candidates.ts';
import { choose } from './choose.ts';
import { named } from './failure.ts';
import type { Session } from './session.ts';

/** Servers that one job is put to at once. */
const mostAsked = 6;

export interface PlacementOptions {
  readonly job: FarmJob;
  readonly probe: Probe;
  readonly canary: string | undefined;
  /** Servers that may be asked, in the job's order. */
  readonly servers: readonly Session[];
  readonly verify: VerifyResult;
  readonly onFull?: (() => void) | undefined;
  readonly onPlaced?: (() => void) | undefined;
}

/** Jobs that stand in line wherever they were asked, the longest waiting first: told of servers that have room again. */
export class WaitingJobs {
  readonly #waiting = new Set<(session: Session) => boolean>();

  /** @param ask puts the job to a server; false if it can't be. The function that is returned ends the wait. */
  add(ask: (session: Session) => boolean): () => void {
    this.#waiting.add(ask);
    return () => this.#waiting.delete(ask);
  }

  /** One job for each free slot: more would only come and go. */
  offer(session: Session): void {
    let { room } = session;
    for (const ask of [...this.#waiting]) {
      if (room <= 0) return;
      if (ask(session)) room -= 1;
    }
  }
}

export class Placement {
  readonly #options: PlacementOptions;
  readonly #needs: Needs;
  readonly #leave = new Map<Session, () => void>();
  readonly #waiting: WaitingJobs;
  /** Why a server could not be asked at all. */
  #unasked: WardError | undefined;

  constructor(options: PlacementOptions, waiting: WaitingJobs) {
    this.#options = options;
    this.#needs = { probe: options.probe, canary: options.canary };
    this.#waiting = waiting;
  }

  /** @throws WardError why nobody took the job, or why the one who did could not do it */
  async run({ now, late }: Candidates, signal: AbortSignal): Promise<FarmResult> {
    const { onPlaced } = this.#options;
    let stopWaiting: (() => void) | undefined;
    try {
      const attempts = now.flatMap((session) => this.#ask(session) ?? []);
      if (attempts.length === 0) {
        throw this.#unasked ?? new WardError('session-lost', 'The session ended before the job began.', { at: now[0]!.host.name });
      }
      const chosen = await choose(attempts, signal, {
        late: late?.then((session) => () => this.#ask(session)),
        more: () => this.#askRoomiest(),
        named: (server) => this.#askNamed(server),
        onFull: (join) => {
          this.#options.onFull?.();
          stopWaiting ??= this.#waiting.add((session) => this.#askWaiting(session, join));
        },
      });
      stopWaiting?.();
      onPlaced?.();
      for (const [session, undo] of this.#leave) if (session.host.name !== chosen.server) undo();
      const abort = (): void => chosen.release(new WardError('cancelled', 'The job was cancelled.'));
      // It may have been aborted since a server was chosen.
      if (signal.aborted) abort();
      signal.addEventListener('abort', abort, { once: true });
      try {
        const result = await chosen.start();
        this.#tellHome(now[0]!, chosen);
        return result;
      } finally {
        signal.removeEventListener('abort', abort);
      }
    } finally {
      stopWaiting?.();
      for (const undo of this.#leave.values()) undo();
    }
  }

  /** Puts the job to a server; undefined if it can't be, because its session ended a moment ago, or has as many jobs as it may. Never throws. */
  #ask(session: Session): Attempt | undefined {
    const { connection, host } = session;
    if (connection === undefined || this.#leave.has(session) || this.#leave.size >= mostAsked) return undefined;
    const { job, probe, verify } = this.#options;
    const leave = session.enter();
    this.#leave.set(session, leave);
    try {
      return new Attempt({ server: host.name, connection, room: session.rooms, probe, job, verify });
    } catch (thrown) {
      leave();
      this.#unasked ??= named(toWardError(thrown), host.name);
      return undefined;
    }
  }

  #mayAsk({ connection, host, running }: Session): boolean {
    return connection !== undefined && (host.slots === undefined || running < host.slots) && canRun(connection.welcome, this.#needs);
  }

  #askRoomiest(): Attempt | undefined {
    const best = roomiest(this.#options.servers, (session) => !this.#leave.has(session) && this.#mayAsk(session));
    return best === undefined || best.room <= 0 ? undefined : this.#ask(best);
  }

  #askNamed(server: string): Attempt | undefined {
    const session = this.#options.servers.find((each) => each.connection?.welcome.server === server);
    return session !== undefined && this.#mayAsk(session) ? this.#ask(session) : undefined;
  }

  #askWaiting(session: Session, join: (attempt: Attempt | undefined) => void): boolean {
    if (!this.#options.servers.includes(session) || !this.#mayAsk(session)) return false;
    const attempt = this.#ask(session);
    if (attempt !== undefined) join(attempt);
    return attempt !== undefined;
  }

  /** Whoever compiles this next asks home first, and home will know where the result is. */
  #tellHome(home: Session, chosen: Attempt): void {
    const pointer = home.host.name === chosen.server ? undefined : chosen.pointer();
    if (pointer !== undefined) home.connection?.channel.tell(pointer);
  }
}
