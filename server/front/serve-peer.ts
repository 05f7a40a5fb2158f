/**
 * The door for other servers of the farm. Default deny: without `shared.peers` in server.jsonc there is none, and who comes through it may
 * fetch parts of kept results and do nothing else. No job, no contents, no pointer; who tries is cut off.
 *
 * @module
 */
import type { TLSSocket } from 'node:tls';
import type { WebSocket } from 'ws';
import { cleanText } from '../../protocol/alert.ts';
import { toWardError, WardError } from '../../protocol/errors.ts';
import { serverHandshake } from '../../protocol/handshake.ts';
import { tlsExporter, webSocketTransport } from '../../protocol/transport.ts';
import { giveParts, type GivingServices } from '../peers/give-parts.ts';
import type { RateLimits } from '../queue/rate.ts';
import type { ClientAuthorities } from './authenticate-cert.ts';
import { admittedName, peerAuthenticator, type PeerSession, type ProvenServer } from './authenticate-peer.ts';
import { goneEvent } from './events.ts';
import { JobRate } from './job-rate.ts';
import type { KeeperLog } from './keeper-log.ts';
import { LiveSession, silenceMs } from './session.ts';
import type { Sessions } from './sessions.ts';

export interface PeerDoor {
  readonly authorities: ClientAuthorities;
  /** Names of those that may come, now. */
  servers(): readonly string[];
  readonly sessions: Sessions<PeerSession>;
  readonly log: Pick<KeeperLog, 'write' | 'answered' | 'note'>;
  readonly giving: Omit<GivingServices, 'answered'>;
  /** Fetches that one session may begin. */
  readonly rate: RateLimits;
}

export interface PeerConnection {
  readonly socket: WebSocket;
  readonly tls: TLSSocket;
  readonly address: string;
}

/** Serves another server until it goes. @throws WardError what it was refused for */
export async function servePeer({ socket, tls, address }: PeerConnection, door: PeerDoor): Promise<void> {
  const { log, giving } = door;
  const authenticators = new Map([['peer', peerAuthenticator(tls, door.authorities)] as const]);
  const accepted = await serverHandshake(webSocketTransport(socket), { authenticators, exporter: tlsExporter(tls) });
  const { channel } = accepted;
  const proven = accepted.identity as ProvenServer;
  let session: PeerSession;
  try {
    session = await admit(proven, door, (identity) => new LiveSession(identity, address, channel), address);
  } catch (thrown) {
    const error = toWardError(thrown);
    channel.close(error);
    throw error;
  }
  door.sessions.add(session, () => undefined);
  const { principal } = session;
  session.whenEnded((reason) => log.note(goneEvent(session, reason)));
  const rate = new JobRate(door.rate);
  const answered: GivingServices['answered'] = (peer, answer) => log.answered(peer, answer);
  channel.onBlob(() => session.end(new WardError('policy-denied', 'A server of the farm may fetch results here, and send nothing.')));
  channel.onStream((stream, first) => {
    const refusal = rate.refusal();
    if (first.type !== 'fetch') session.end(new WardError('policy-denied', 'A server of the farm may fetch results here, and have nothing done.'));
    else if (refusal?.code === 'limit-exceeded') session.end(refusal);
    else if (refusal !== undefined) stream.reset(refusal);
    else void giveParts(stream, first, { principal, address }, { ...giving, answered });
  });
  channel.keepAlive(silenceMs);
  channel.notify({ type: 'peer-welcome', expires: proven.expires });
}

/** In the log first, whatever the answer. @throws WardError `not-a-peer`, `log-unavailable` */
async function admit(proven: ProvenServer, { servers, log }: PeerDoor, open: (identity: PeerSession['identity']) => PeerSession, address: string): Promise<PeerSession> {
  const who = { address, credential: proven.fingerprint };
  try {
    const name = admittedName(proven, servers());
    const principal = `peer:${name}`;
    await log.write({ event: 'peer.allowed', principal, ...who });
    return open({ principal, expires: proven.expires, fingerprint: proven.fingerprint, stillValid: () => proven.revoked() ?? stillListed(name, servers()) });
  } catch (thrown) {
    const error = toWardError(thrown);
    if (error.code === 'not-a-peer') await log.write({ event: 'peer.denied', principal: cleanText(`peer:${proven.names[0]}`, 256), ...who, reason: error.code });
    throw error;
  }
}

const stillListed = (name: string, servers: readonly string[]): WardError | undefined =>
  (servers.includes(name) ? undefined : new WardError('not-a-peer', `The server ${name} is not among those any more that may fetch results here.`));
