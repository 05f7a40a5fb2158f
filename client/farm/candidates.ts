/**
 * Which servers are asked for a job: its home, and one more. Home is the first server in the job's order that is reachable and has the
 * compiler; it is waited for. The other is the one with the most room of those that are connected; where none is, one is asked as
 * soon as it is: a job that waits in home's line must not wait for ever beside an idle server.
 *
 * @module
 */
import { toWardError, WardError } from '../../protocol/errors.ts';
import type { OfferedToolchain, Probe, Welcome } from '../../protocol/messages.ts';
import { named } from './failure.ts';
import type { Session } from './session.ts';

/** Servers that may be connecting at once for one job. */
export const connectAtOnce = 3;

export interface Candidates {
  /** Home, and the second server if it is connected; empty: there is nobody to ask. */
  readonly now: readonly Session[];
  /** The second server, once it is connected; rejects if it will not be. */
  readonly late: Promise<Session> | undefined;
}

/** What a job needs of a server. */
export interface Needs {
  readonly probe: Probe;
  /** SHA-256 of the canary object that the client's compiler makes; undefined: any. */
  readonly canary: string | undefined;
}

const offeredBy = ({ toolchains }: Welcome, { probe }: Needs): OfferedToolchain | undefined => toolchains.find(({ digest }) => digest === probe.toolchain);

/** Has the server exactly the compiler that the job needs? */
export const canRun = (welcome: Welcome, needs: Needs): boolean => {
  const offered = offeredBy(welcome, needs);
  return offered !== undefined && (needs.canary === undefined || offered.canary === needs.canary);
};

const checkToolchain = (session: Session, welcome: Welcome, needs: Needs): Session => {
  if (canRun(welcome, needs)) return session;
  const { name } = session.host;
  const { compiler } = needs.probe;
  const sentence = offeredBy(welcome, needs) === undefined
    ? `The server ${name} does not have exactly this compiler (${compiler}).`
    : `The compiler ${compiler} makes other objects on the server ${name} than here.`;
  throw new WardError('toolchain-unknown', sentence, { at: name });
};

/** Of those that may be asked now, the one with the most room; among equals the first in the job's order. */
export const roomiest = (sessions: readonly Session[], mayAsk: (session: Session) => boolean): Session | undefined => {
  let best: Session | undefined;
  let most = -Infinity;
  for (const session of sessions) {
    const room = Math.max(0, session.room);
    if (room <= most || !mayAsk(session)) continue;
    best = session;
    most = room;
  }
  return best;
};

/** The promise, or the end of the signal. */
const orAborted = <T>(promise: Promise<T>, signal: AbortSignal): Promise<T> => {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(new WardError('cancelled', 'The job was cancelled.'));
  if (signal.aborted) abort();
  signal.addEventListener('abort', abort, { once: true });
  return Promise.race([promise, aborted]).finally(() => signal.removeEventListener('abort', abort));
};

/**
 * @param order servers that may be asked, home first
 * @param failures takes the reasons why servers are left out
 * @throws WardError `cancelled`
 */
export const findCandidates = async (
  order: readonly Session[], needs: Needs, signal: AbortSignal, failures: WardError[],
): Promise<Candidates> => {
  // All connect at once: the wait for the first must not be followed by one for the second.
  const opening = new Map(order.slice(0, connectAtOnce).map((session) => [session, session.ready()]));
  for (const connection of opening.values()) connection.catch(() => {});
  const now: Session[] = [];
  let late: Promise<Session> | undefined;
  for (const [place, session] of order.entries()) {
    try {
      const { connection } = session;
      if (now.length === 0) {
        const { welcome } = connection ?? await orAborted(opening.get(session) ?? session.ready(), signal);
        now.push(checkToolchain(session, welcome, needs));
        const other = roomiest(order.slice(place + 1), (session) => session.connection !== undefined && canRun(session.connection.welcome, needs));
        if (other !== undefined) return { now: [...now, other], late: undefined };
      } else if (connection !== undefined) {
        checkToolchain(session, connection.welcome, needs);
      } else {
        late ??= opening.get(session)?.then(({ welcome }) => checkToolchain(session, welcome, needs));
        late?.catch(() => {});
      }
    } catch (thrown) {
      const error = toWardError(thrown);
      if (error.code === 'cancelled') throw error;
      failures.push(named(error, session.host.name));
    }
  }
  return { now, late };
};
