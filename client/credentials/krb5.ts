/**
 * The user's Kerberos ticket as a credential: it makes the client's side of the `krb5` mechanism, and is watched while sessions
 * live on it. Any cache that `KRB5CCNAME` can name will do: FILE:, DIR:, KEYRING:, KCM:.
 *
 * @module
 */
import { statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { toWardError, WardError } from '../../protocol/errors.ts';
import type { AuthIo, ClientAuthenticator } from '../../protocol/handshake.ts';
import { isProof, proofText } from '../../protocol/proof.ts';
import { expiredTicket, noTicket } from './krb5-errors.ts';
import type { Krb5Context, Krb5Environment, Krb5Helper } from './krb5-helper.ts';
import type { Service, Ticket } from './krb5-messages.ts';

/** The client's side of the handshake: the token that is made already, then a proof each way. */
export const krb5Authenticator = (context: Krb5Context): ClientAuthenticator => ({
  mechanism: 'krb5',
  target: context.service,
  async authenticate(io: AuthIo): Promise<void> {
    io.send(context.token);
    await context.step(await io.receive());
    io.send(await context.seal(proofText('client', io)));
    const expected = proofText('server', io);
    if (!isProof(await context.open(await io.receive()), expected)) {
      throw new WardError('binding-mismatch', `The proof of ${context.service} is for another connection: somebody may be relaying it.`);
    }
  },
});

/**
 * A quick look that needs no helper: where the cache is a file and there is none, there is no ticket.
 *
 * @throws WardError `credential-missing`
 */
export const checkCacheFile = ({ KRB5CCNAME }: Krb5Environment): void => {
  const file = /^(?:FILE:)?(\/.*)$/.exec(KRB5CCNAME ?? '')?.[1];
  if (file !== undefined && statSync(file, { throwIfNoEntry: false }) === undefined) throw noTicket(`${file} is not there`);
};

export interface TicketEvents {
  /** The ticket is gone, has ended or is somebody else's: its sessions must close. Nothing follows. */
  removed(reason: WardError): void;
  /** The same person has a ticket that lasts longer: new connections use it. */
  renewed(ticket: Ticket): void;
}

/** How many looks in a row must fail: kinit writes a cache anew, and for a moment it is empty. */
const patience = 2;
/** Caches that are no files are asked for less often, since each look is a request to the helper; often enough that it stays up. */
const askMs = 2_000;

const stampOf = (path: string): string => {
  try {
    const { dev, ino, size, mtimeMs, ctimeMs } = statSync(path);
    return [dev, ino, size, mtimeMs, ctimeMs].join(' ');
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'error';
  }
};

/** What changes when the cache does, as far as files show it; undefined for caches that are no files. */
const lookAt = (cache: string): (() => string) | undefined => {
  if (cache.startsWith('FILE:')) return () => stampOf(cache.slice('FILE:'.length));
  if (!cache.startsWith('DIR::')) return undefined;
  const file = cache.slice('DIR::'.length);
  const primary = join(dirname(file), 'primary');
  return () => `${stampOf(file)} ${stampOf(primary)}`;
};

/**
 * Watches until the ticket is gone or the returned function is called. The timer does not keep the process alive.
 *
 * @param everyMs time between two looks; a removal is reported within twice that and the helper's answer
 */
export const watchTicket = (
  helper: Pick<Krb5Helper, 'look'>, service: Service, ticket: Ticket, events: TicketEvents, everyMs = 1000,
): (() => void) => {
  const look = lookAt(ticket.cache);
  let current = ticket;
  let seen = look?.();
  let failures = 0;
  let asked = performance.now();
  let asking = false;
  let stopped = false;
  const stop = (): void => {
    stopped = true;
    clearInterval(timer);
  };
  const remove = (reason: WardError): void => {
    stop();
    events.removed(reason);
  };
  const ask = async (): Promise<void> => {
    try {
      const found = await helper.look(service);
      failures = 0;
      if (stopped) return;
      if (found.principal !== current.principal) {
        return remove(new WardError('credential-missing', `The tickets in ${current.cache} are those of ${found.principal} now.`));
      }
      if (found.ends <= current.ends) return;
      current = found;
      events.renewed(found);
    } catch (thrown) {
      const error = toWardError(thrown);
      // A helper that cannot answer says nothing about the ticket.
      if (stopped || error.class !== 'authentication') return;
      failures += 1;
      if (failures >= patience) remove(error);
    }
  };
  const timer = setInterval(() => {
    if (current.ends * 1000 <= Date.now()) return remove(expiredTicket(current.principal, current.ends));
    const now = look?.();
    const due = look === undefined ? performance.now() - asked >= askMs : now !== seen;
    if (asking || (!due && failures === 0)) return;
    seen = now;
    asked = performance.now();
    asking = true;
    void ask().finally(() => {
      asking = false;
    });
  }, everyMs);
  timer.unref();
  return stop;
};
