/**
 * The door of a real server for other servers: its listener, its authorities and its store of results, with a log that the test reads.
 * Each farm has a CA for servers and another one for people.
 *
 * @module
 */
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { initAuthority, type Authority } from '../../../certs/authority.ts';
import { openTls } from '../../../link/tls.ts';
import { openWebSocket, receivePeerWelcome } from '../../../link/web-socket.ts';
import { findEventMistake, type LogEvent } from '../../../policy/log/events.ts';
import type { Channel } from '../../../protocol/channel.ts';
import { toWardError, WardError } from '../../../protocol/errors.ts';
import { clientHandshake, type HelloMechanism } from '../../../protocol/handshake.ts';
import { PEER_SERVERNAME, tlsExporter } from '../../../protocol/transport.ts';
import { ClientAuthorities } from '../../../server/front/authenticate-cert.ts';
import type { PeerSession } from '../../../server/front/authenticate-peer.ts';
import { answerEvent } from '../../../server/front/events.ts';
import { Listener } from '../../../server/front/listener.ts';
import { servePeer, type PeerDoor } from '../../../server/front/serve-peer.ts';
import { Sessions } from '../../../server/front/sessions.ts';
import { Unread, unreadLimits, type UnreadLimits } from '../../../server/jobs/unread.ts';
import type { PeerTimes } from '../../../server/peers/peer-link.ts';
import { PeerResults } from '../../../server/peers/peer-results.ts';
import { Deadlines } from '../../../server/queue/deadlines.ts';
import { ResultCache, type KeptResult } from '../../../server/store/result-cache.ts';
import { signedRecord } from '../../fixtures/result-record.ts';
import { temporaryDirectory } from '../../fixtures/temporary.ts';
import type { Holder } from '../../certs/tls-pair.ts';

export const sha256 = (content: Buffer): string => createHash('sha256').update(content).digest('hex');
const part = (content: Buffer) => ({ digest: sha256(content), size: content.length });

/** A result of the server `localhost`, under the signature of a key of its own. */
export const resultOf = (outputs: readonly Buffer[], stderr = Buffer.from('warning: large\n'), action = sha256(Buffer.from('action'))): KeptResult => {
  const stdout = Buffer.alloc(0);
  const { record } = signedRecord({ action, stdout: part(stdout), stderr: part(stderr), outputs: outputs.map((output, index) => ({ index, mode: 0o644, ...part(output) })) });
  return { record, stdout, stderr, outputs };
};

export interface Door {
  readonly port: number;
  readonly results: ResultCache;
  readonly events: LogEvent[];
  /** Why nothing can be written there. */
  logFailure: WardError | undefined;
  readonly sessions: Sessions<PeerSession>;
  /** Names in the farm file, which may change. */
  servers: string[];
  /** How connections ended that did not get in. */
  readonly refusals: string[];
  readonly authorities: ClientAuthorities;
}

export interface PeerFarm {
  readonly directory: string;
  readonly forServers: Authority;
  readonly forPeople: Authority;
  /** The server `localhost`. */
  readonly own: Holder & { readonly serial: string };
  /** Another server, `build2.test`. */
  readonly other: Holder;
  /** A server named `localhost`. */
  open(changes?: { readonly identity?: Holder; readonly rate?: PeerDoor['rate']; readonly unread?: Partial<UnreadLimits> }): Promise<Door>;
  /** The results that another server gets, and its alarms. */
  asking(times?: PeerTimes): { readonly peers: PeerResults; readonly alarms: WardError[]; readonly troubles: WardError[]; readonly authorities: ClientAuthorities };
  /** Connects as whoever holds a certificate, in whatever way. @throws WardError why the server closed */
  connect(door: Pick<Door, 'port'>, holder: Holder, how?: { readonly mechanism?: HelloMechanism; readonly servername?: string }): Promise<Channel>;
}

export const peerFarm = async (t: ExecutionContext<unknown>): Promise<PeerFarm> => {
  const directory = await temporaryDirectory(t);
  const forServers = await initAuthority(join(directory, 'servers'), { dev: true });
  const forPeople = await initAuthority(join(directory, 'people'), { dev: true });
  const file = (name: string, text: string): string => {
    writeFileSync(join(directory, name), text, { mode: 0o600 });
    return join(directory, name);
  };
  const trustOf = async (name: string, authority: Authority) => ({ clientCa: file(`${name}.pem`, authority.caPem), crl: file(`${name}.crl`, await authority.writeCrl()) });
  const trust = { servers: await trustOf('servers-ca', forServers), people: await trustOf('people-ca', forPeople) };
  const own = await forServers.issueServer(['localhost']);
  const other = await forServers.issueServer(['build2.test']);
  let serial = 0;
  return {
    directory, forServers, forPeople, own, other,
    open: async ({ identity = own, rate = { perSecond: 1000, burst: 1000 }, unread = {} } = {}) => {
      const name = `server-${++serial}`;
      const events: LogEvent[] = [];
      const write = async (event: Omit<LogEvent, 'server'>): Promise<void> => {
        const mistake = findEventMistake({ server: 'localhost', ...event }, 'front');
        if (mistake !== undefined) throw new Error(mistake);
        if (door.logFailure !== undefined) throw door.logFailure;
        events.push(event);
      };
      const authorities = new ClientAuthorities(trust.servers);
      const results = new ResultCache(join(directory, name, 'results'), 2 ** 30, { damaged: (error) => events.push({ event: 'session.ended', message: error.message }), standing: () => 'good' });
      const deadlines = new Deadlines();
      const sessions = new Sessions<PeerSession>();
      const door: Door = { port: 0, results, events, logFailure: undefined, sessions, servers: ['localhost', 'build2.test'], refusals: [], authorities };
      const inside: PeerDoor = {
        authorities, servers: () => door.servers, sessions, rate, giving: { results, unread: new Unread(deadlines, { ...unreadLimits, ...unread }) },
        log: { note: (event) => void write(event), write, answered: (peer, answer) => write(answerEvent(peer, answer)) },
      };
      const tls = { cert: file(`${name}.cert`, identity.certPem), key: file(`${name}.key`, identity.keyPem) };
      const connections = { total: 100, perAddress: 100 };
      const listener = new Listener({ listen: [{ host: '127.0.0.1', port: 0 }], tls, connections }, { people: new ClientAuthorities(trust.people), peers: authorities }, {
        connection: (socket, secured, address) => {
          servePeer({ socket, tls: secured, address }, inside).catch((thrown: unknown) => door.refusals.push(toWardError(thrown).code));
        },
        refused: (_, why) => door.refusals.push(why),
      });
      const [where] = await listener.listen();
      t.teardown(() => {
        sessions.endAll(new WardError('server-stopping'));
        listener.close();
      });
      return Object.assign(door, { port: where!.port });
    },
    // A machine that does much else at the same time is no reason for a miss here.
    asking: (times = { connectMs: 60_000, baseMs: 60_000, firstRestMs: 30_000 }) => {
      const alarms: WardError[] = [];
      const troubles: WardError[] = [];
      const authorities = new ClientAuthorities(trust.servers);
      const material = () => ({ ...authorities.context, cert: other.certPem, key: other.keyPem });
      return { alarms, troubles, authorities, peers: new PeerResults({ own: 'build2.test', material, times, damaged: (error) => alarms.push(error), trouble: (error) => troubles.push(error) }) };
    },
    connect: async ({ port }, holder, { mechanism = 'peer', servername = PEER_SERVERNAME } = {}) => {
      const signal = AbortSignal.timeout(10_000);
      const to = { name: 'localhost', host: 'localhost', port };
      const material = { ca: forServers.caPem, crl: await forServers.writeCrl(), cert: holder.certPem, key: holder.keyPem };
      const socket = await openTls({ to, servername, material, from: 'a test', signal });
      const transport = await openWebSocket(socket, to, 'localhost', signal);
      const channel = await clientHandshake(transport, { authenticator: { mechanism, target: 'localhost' }, exporter: tlsExporter(socket) });
      t.teardown(() => channel.close());
      await receivePeerWelcome(channel, signal);
      return channel;
    },
  };
};

/** What a fetch brings, as one run of bytes. @throws WardError why it was refused */
export const fetchFrom = (channel: Channel, domain: string, action: string, parts: number[]): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const stream = channel.fetch({ type: 'fetch', domain, action, parts });
    const chunks: Buffer[] = [];
    stream.onData((chunk) => {
      chunks.push(Buffer.from(chunk));
      stream.consumed(chunk.length);
    });
    stream.onEnd(() => resolve(Buffer.concat(chunks)));
    stream.onReset(reject);
  });
