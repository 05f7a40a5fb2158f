/**
 * A server that compiles nothing: listener, TLS, authentication, policy, admission, line, content store and the life of a job are those of
 * the real one, and where a compiler would run it sleeps for as long as the command says (`-DBENCH_MS=N`), one sleep a slot.
 *
 * It differs from a real server in that nothing is written to a decision log, no result is kept, and that the object is always the same.
 *
 * @module
 */
import { hash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import type { WebSocket } from 'ws';
import { WardError } from '../../protocol/errors.ts';
import type { Load, Probe } from '../../protocol/messages.ts';
import { serverHandshake } from '../../protocol/handshake.ts';
import { tlsExporter, webSocketTransport } from '../../protocol/transport.ts';
import { certAuthenticator, ClientAuthorities } from '../../server/front/authenticate-cert.ts';
import { receiveBlob } from '../../server/front/blobs.ts';
import { Listener } from '../../server/front/listener.ts';
import { LoadHints, loadOf } from '../../server/front/load.ts';
import type { PolicyHolder } from '../../server/front/policy-holder.ts';
import { Session, type Identity } from '../../server/front/session.ts';
import { Flights } from '../../server/jobs/flights.ts';
import { runJob } from '../../server/jobs/job.ts';
import { ResultKeeping } from '../../server/jobs/keep-result.ts';
import { Pointers, receivePointer } from '../../server/jobs/pointers.ts';
import type { Executors, JobServices, Outcome, StagedToolchain } from '../../server/jobs/services.ts';
import { Unread } from '../../server/jobs/unread.ts';
import { Deadlines } from '../../server/queue/deadlines.ts';
import { FairLine } from '../../server/queue/fair-line.ts';
import { ResultCache } from '../../server/store/result-cache.ts';
import { Store } from '../../server/store/store.ts';
import { Uploads } from '../../server/store/uploads.ts';

export interface SimulatedServerOptions {
  readonly directory: string;
  readonly slots: number;
  readonly tls: { readonly cert: string; readonly key: string };
  readonly clients: { readonly clientCa: string; readonly crl: string };
  readonly policy: PolicyHolder;
  readonly toolchain: StagedToolchain;
}

const objectBytes = 8 * 1024;
const storeBytes = 2 ** 30;
/** As a server's configuration has them unless it says otherwise. */
const jobsPerSlot = 2;
const queuePerSlot = 16;
const connections = { total: 1024, perAddress: 128 };
const silenceMs = 60_000;

/** How long the command wants to take. */
const durationOf = ({ argv }: Probe): number => Number(argv.find((word) => word.startsWith('-DBENCH_MS='))?.slice('-DBENCH_MS='.length) ?? 0);

/** Slots that sleep. */
const sleepers = (directory: string, slots: number): Executors => {
  const line = new FairLine(slots, Infinity);
  const [empty, object] = [join(directory, 'empty'), join(directory, 'object')];
  const content = Buffer.alloc(objectBytes, 'an object ');
  writeFileSync(empty, '');
  writeFileSync(object, content);
  const nothing = { path: empty, size: 0 };
  const digest = hash('sha256', content, 'hex');
  return {
    run: async ({ probe }, customer, signal) => {
      const leave = await line.enter(customer, signal);
      try {
        const wallMs = durationOf(probe);
        await new Promise<void>((resolve, reject) => {
          const wake = setTimeout(resolve, wallMs);
          signal.addEventListener('abort', () => {
            clearTimeout(wake);
            reject(signal.reason);
          }, { once: true });
        });
        const outputs = [{ index: 0, path: object, size: objectBytes, digest, mode: 0o644 }];
        return { status: { code: 0, signal: 0 }, usage: { wallMs, userMs: 0, systemMs: 0, maxRssKb: 0 }, stdout: nothing, stderr: nothing, outputs, discard: () => {} };
      } finally {
        leave();
      }
    },
  };
};

/** Listens on a loopback port of the system's choice, and returns it. */
export const startSimulatedServer = async (options: SimulatedServerOptions): Promise<number> => {
  const { directory, slots, policy, toolchain } = options;
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const [uploads, deadlines, authorities] = [new Uploads(), new Deadlines(), new ClientAuthorities(options.clients)];
  const store = new Store({ directory: join(directory, 'store'), maxBytes: storeBytes });
  const trouble = (error: Error): void => void process.stderr.write(`simulated server: ${error.message}\n`);
  const cache = new ResultCache(join(directory, 'results'), 0, { damaged: trouble, standing: () => 'good' });
  const admission = new FairLine(jobsPerSlot * slots, queuePerSlot * slots);
  const load = (): Load => loadOf(slots, admission);
  const hints = new LoadHints(load);
  admission.onChange = () => hints.changed();
  // Nobody signs here: results go out without the keeper's word, and clients that hold no farm file ask for none.
  const unsigned = new WardError('log-unavailable', 'The simulated server has no keeper.');
  const pointers = new Pointers('localhost', () => undefined);
  let decisions = 0;
  const services: JobServices = {
    serverName: 'localhost',
    deadlines,
    unread: new Unread(deadlines),
    admission,
    store,
    uploads,
    executors: sleepers(directory, slots),
    flights: new Flights<Outcome>((outcome) => outcome.discard()),
    results: cache,
    pointers,
    keeping: new ResultKeeping({ cache, signer: { sign: () => Promise.reject(unsigned) }, server: 'localhost', trouble: () => {} }),
    log: { decided: async () => ++decisions, ended: () => {} },
    decide: (session, what) => policy.decide(session, what),
    toolchain: (digest) => (digest === toolchain.digest ? toolchain : undefined),
    whenWithdrawn: () => () => {},
    speed: () => 1,
    load,
  };
  const serve = async (socket: WebSocket, tls: TLSSocket, address: string): Promise<void> => {
    const authenticators = new Map([['cert', certAuthenticator(tls, policy, authorities)]] as const);
    const accepted = await serverHandshake(webSocketTransport(socket), { authenticators, exporter: tlsExporter(tls) });
    const { channel, identity } = { channel: accepted.channel, identity: accepted.identity as Identity };
    const { committer, because } = policy.decideConnection(identity);
    const { serial, digest } = policy.current;
    channel.notify({
      type: 'welcome', server: 'localhost', isolation: 'strict', slots: jobsPerSlot * slots,
      toolchains: [{ digest: toolchain.digest, canary: toolchain.canary, name: toolchain.name }],
      principal: identity.principal, committer, because, mechanism: identity.mechanism, expires: identity.expires, policy: { serial, digest },
    });
    const session = new Session(identity, committer, address, channel);
    session.whenEnded(() => uploads.abandon(session));
    channel.onBlob((blob) => receiveBlob(blob, session, services));
    channel.onStream((stream, first) => {
      if (first.type === 'pointer') return receivePointer(stream, first, session, pointers);
      if (first.type !== 'probe') return stream.reset(new WardError('policy-denied', 'Nothing is fetched here.'));
      hints.began(session);
      void runJob(stream, first, session, services);
    });
    channel.keepAlive(silenceMs);
  };
  const listener = new Listener({ listen: [{ host: '127.0.0.1', port: 0 }], tls: options.tls, connections }, { people: authorities }, {
    connection: (socket, tls, address) => void serve(socket, tls, address).catch(trouble),
    refused: (_, why) => trouble(new Error(`refused: ${why}`)),
  });
  return (await listener.listen())[0]!.port;
};
