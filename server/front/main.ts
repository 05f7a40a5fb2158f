/**
 * The front: the only process that listens. It never starts another process and never touches a compiler; the TLS key is
 * all the secret it has. What it decides it first has written by the keeper.
 *
 * Life: the supervisor says what is to be done → children connect on the unix socket → the executors prove each toolchain with a canary → the network is opened →
 * the supervisor is told `ready`. When the supervisor goes away, the front ends.
 *
 * @module
 */
import { createServer } from 'node:net';
import { cleanText } from '../../protocol/alert.ts';
import { toWardError, WardError } from '../../protocol/errors.ts';
import { canPack } from '../../protocol/packing.ts';
import { PEER_SERVERNAME } from '../../protocol/transport.ts';
import type { Load } from '../../protocol/messages.ts';
import { sshSocket, type ServerConfig } from '../config.ts';
import { peerUid } from '../native/peer-uid.ts';
import { configurationInput, passedSockets } from '../ipc/activation.ts';
import { acceptChild, ChildTokens, readConfigurationLine, whenParentGone, type AcceptedChild } from '../ipc/child.ts';
import { confine } from '../sandbox/confine.ts';
import { Flights } from '../jobs/flights.ts';
import { runJob } from '../jobs/job.ts';
import { ResultKeeping } from '../jobs/keep-result.ts';
import { Pointers, receivePointer } from '../jobs/pointers.ts';
import type { JobServices } from '../jobs/services.ts';
import { Unread } from '../jobs/unread.ts';
import { PeerResults } from '../peers/peer-results.ts';
import { Deadlines } from '../queue/deadlines.ts';
import { FairLine } from '../queue/fair-line.ts';
import { ResultCache } from '../store/result-cache.ts';
import type { ResultRecord } from '../store/result-record.ts';
import { standingOf, type Standing } from '../store/result-trust.ts';
import { shareResults } from '../store/shared-results.ts';
import { Store } from '../store/store.ts';
import { Uploads } from '../store/uploads.ts';
import type { StageIndex, WithdrawnToolchain } from '../toolchains/index-file.ts';
import { ClientAuthorities } from './authenticate-cert.ts';
import type { PeerSession } from './authenticate-peer.ts';
import { sshAuthenticator } from './authenticate-ssh.ts';
import { receiveBlob } from './blobs.ts';
import { goneEvent } from './events.ts';
import { ExecutorPool } from './executor-pool.ts';
import { FarmHolder } from './farm-holder.ts';
import { JobRate } from './job-rate.ts';
import { KeeperLog } from './keeper-log.ts';
import { LoadHints, loadOf } from './load.ts';
import { Listener } from './listener.ts';
import { OfferedToolchains } from './offered-toolchains.ts';
import { openSession, type Opening } from './open-session.ts';
import { PolicyHolder } from './policy-holder.ts';
import { proveToolchains } from './prove-toolchains.ts';
import { openServiceKeys } from './service-keys.ts';
import { Revisions } from './revision-memory.ts';
import { servePeer, type PeerDoor } from './serve-peer.ts';
import { silenceMs } from './session.ts';
import { Sessions, type Judge } from './sessions.ts';
import { Speed } from './speed.ts';
import { SshListener } from './ssh-listener.ts';
import { SshRevocations } from './ssh-revocations.ts';
import { Watcher } from './watcher.ts';

interface Configuration {
  readonly config: ServerConfig;
  readonly socketPath: string;
  readonly supervisorToken: string;
  /** Accounts of the server's own processes: nobody else is let in on the socket. */
  readonly peers: readonly number[];
  readonly toolchains: StageIndex;
  /** Where executors leave what they made. */
  readonly spool: string;
  readonly isolation: 'strict' | 'strict-rlimit';
  /** The account under which sshd starts the bridges; absent: no SSH. */
  readonly bridgeUid?: number;
}

async function main(): Promise<void> {
  confine();
  process.title = 'wardccd: front';
  // The slots' group reads input files; where all run as one user, the directory above lets nobody else in.
  process.umask(0o027);
  const sockets = passedSockets();
  const input = await configurationInput(sockets);
  const { config, socketPath, peers, supervisorToken, toolchains: staged, spool, isolation, bridgeUid }: Configuration = await readConfigurationLine(input);
  whenParentGone(() => process.exit(0), input);

  const store = new Store({ directory: `${config.state}/store`, maxBytes: config.store.maxBytes });
  const uploads = new Uploads();
  const sessions = new Sessions();
  const pool = new ExecutorPool({ executors: config.slots + config.spares, compilers: config.slots }, store, spool);
  const policy = await PolicyHolder.load(config.policy, new Revisions(config.state, say));
  const authorities = config.clients === undefined ? undefined : new ClientAuthorities(config.clients);
  const serviceKeys = openServiceKeys(config);
  const revokedKeys = config.ssh?.krl === undefined ? undefined : new SshRevocations(config.ssh.krl);
  const policyName = (): { serial: number; digest: string } => ({ serial: policy.current.serial, digest: policy.current.digest });
  const families = new Map(staged.map(({ digest, family }) => [digest, family]));
  const log = new KeeperLog(() => ({ server: config.name, policy: policy.current }), (toolchain) => families.get(toolchain) ?? 'gcc');

  const supervisor = await listenForChildren({ socketPath, supervisorToken, peers }, (child) => {
    if (child.role === 'keeper') log.connect(child.peer);
    else pool.add(Number(child.role.slice('executor '.length)), child.peer);
  });
  await log.connected;
  const speed = new Speed();
  const toolchains = new OfferedToolchains(await proveToolchains(staged, { executors: pool, store, speed }));
  pool.onRun = (usage) => speed.ran(usage);

  const trouble = (error: WardError): void => void process.stderr.write(`wardccd: ${error.message}\n`);
  const farm = await FarmHolder.load(config, () => log.rereadFarm());
  const shared = config.shared === undefined ? undefined : shareResults(config.shared, trouble);
  const peerTrust = config.shared?.peers;
  const peerAuthorities = peerTrust === undefined ? undefined : new ClientAuthorities({ clientCa: peerTrust.ca, crl: peerTrust.crl });
  const otherServers = peerAuthorities === undefined ? undefined
    : new PeerResults({ own: config.name, material: () => ({ ...peerAuthorities.context, ...listener.identity }), damaged: trouble, trouble });
  const standing = (record: ResultRecord): Standing => standingOf(record, log.ownKey, farm.current);
  const results = new ResultCache(`${config.state}/results`, config.store.maxBytes, { damaged: trouble, standing }, shared, otherServers);
  const deadlines = new Deadlines();
  const admission = new FairLine(config.jobs, config.queue);
  const load = (): Load => loadOf(config.slots, admission);
  const hints = new LoadHints(load);
  admission.onChange = () => hints.changed();
  const pointers = new Pointers(config.name, () => farm.current);
  const services: JobServices = {
    serverName: config.name,
    deadlines,
    unread: new Unread(deadlines),
    admission,
    store,
    uploads,
    executors: pool,
    flights: new Flights((outcome) => outcome.discard()),
    results,
    keeping: new ResultKeeping({ cache: results, signer: log, server: config.name, trouble }),
    pointers,
    log,
    decide: (session, what) => policy.decide(session, what),
    toolchain: (digest) => toolchains.find(digest),
    whenWithdrawn: (digest, end) => toolchains.whenWithdrawn(digest, end),
    speed: (toolchain) => speed.of(toolchain),
    load,
  };
  const welcome = { server: config.name, isolation, slots: config.jobs, get toolchains() { return toolchains.list; }, zstd: canPack };

  const judge: Judge = (session) => policy.judge(session);
  const peerSessions = new Sessions<PeerSession>();
  const door: PeerDoor | undefined = peerAuthorities === undefined ? undefined : {
    authorities: peerAuthorities,
    servers: () => peerTrust?.servers ?? [...farm.current?.servers.keys() ?? []],
    sessions: peerSessions,
    log,
    giving: services,
    rate: config.jobRate,
  };
  const listener = new Listener(config, { people: authorities, peers: peerAuthorities }, {
    connection: (socket, tls, address) => {
      if (door === undefined || tls.servername !== PEER_SERVERNAME) void serve({ socket, tls, address });
      else servePeer({ socket, tls, address }, door).catch((thrown: unknown) => log.refusedEarly(address, toWardError(thrown).code));
    },
    refused: (address, why) => log.refusedEarly(address, why),
  });
  const serve = async (connection: Pick<Opening, 'socket' | 'tls' | 'ssh' | 'address'>): Promise<void> => {
    const { address } = connection;
    try {
      const session = await openSession({ ...connection, policy, authorities, serviceKeys, log, welcome });
      sessions.add(session, judge);
      session.whenEnded((reason) => {
        uploads.abandon(session);
        log.note(goneEvent(session, reason));
      });
      session.channel.onBlob((blob) => receiveBlob(blob, session, services));
      const rate = new JobRate(config.jobRate);
      session.channel.onStream((stream, first) => {
        const refusal = rate.refusal();
        if (refusal?.code === 'limit-exceeded') session.end(refusal);
        else if (refusal !== undefined) stream.reset(refusal);
        else if (first.type === 'pointer') receivePointer(stream, first, session, pointers);
        else if (first.type === 'fetch') session.end(new WardError('policy-denied', 'Only another server of the farm may fetch results here.'));
        else {
          hints.began(session);
          void runJob(stream, first, session, services);
        }
      });
      session.channel.keepAlive(silenceMs);
    } catch (thrown) {
      log.refusedEarly(address, toWardError(thrown).code);
    }
  };

  const watcher = new Watcher(config, policy, {
    changed: () => {
      sessions.judgeAll(judge);
      peerSessions.judgeAll(() => undefined);
    },
    policy: () => log.note({ event: 'policy.loaded', policy: policyName() }),
    committers: () => log.note({ event: 'committers.changed', committers: policy.current.committers.revision }),
    tls: () => {
      const problems = problemsOf(() => authorities?.reload(), () => peerAuthorities?.reload(), () => listener.reloadIdentity());
      listener.renew();
      if (problems.length === 0) log.note({ event: 'tls.changed' });
      return problems;
    },
    keytab: () => serviceKeys?.reload(),
    krl: () => revokedKeys?.reload(),
    farm: async () => {
      const before = farm.current;
      await farm.reload();
      const { serial, epoch } = farm.current ?? {};
      if (serial !== before?.serial) log.note({ event: 'farm.loaded', message: `serial ${serial}, epoch ${epoch}` });
    },
    trouble: (error, event) => {
      log.note({ event, message: cleanText(error.message) });
      say(error, 'The last good state stays in force.');
    },
  });
  watcher.start();
  const listen = await listener.listen(sockets.get('network'));
  if (peerTrust !== undefined && listen[0] !== undefined) shared?.giveAt(peerTrust.port ?? listen[0].port);
  if (bridgeUid !== undefined && config.ssh !== undefined) {
    const facts = { account: config.ssh.user, trust: () => policy.current.ssh, revoked: () => revokedKeys?.current };
    const bridges = new SshListener({ path: sshSocket(config), bridgeUid, connections: config.connections }, {
      connection: (socket, login) => void serve({ socket, tls: undefined, ssh: sshAuthenticator(login, facts), address: login.address }),
      refused: (address, why) => log.refusedEarly(address, why),
    });
    await bridges.listen();
  }
  supervisor.peer.onNotify((told: { type: 'withdraw'; toolchains: readonly WithdrawnToolchain[] }) => {
    for (const withdrawn of told.toolchains) {
      const { digest, name, message } = withdrawn;
      toolchains.withdraw(withdrawn);
      log.note({ event: 'toolchain.withdrawn', request: { toolchain: digest, compiler: name }, message: cleanText(message) });
      say(new WardError('toolchain-unknown', message), 'wardccd doctor says what to do.');
    }
    sessions.notify({ type: 'notice', event: 'toolchains', toolchains: toolchains.list });
  });
  log.note({ event: 'server.started', policy: policyName() });
  supervisor.peer.notify({ type: 'ready', listen });
}

const say = (error: WardError, more = ''): void => void process.stderr.write(`wardccd: ${cleanText(error.message)} ${more}\n`);

/** What goes wrong with each of several steps; one that fails stops no other. */
function problemsOf(...steps: (() => void)[]): WardError[] {
  return steps.flatMap((step) => {
    try {
      step();
      return [];
    } catch (thrown) {
      return toWardError(thrown);
    }
  });
}

/** Opens the unix socket and resolves when the supervisor itself has joined; it then announces everybody else. */
function listenForChildren(
  { socketPath, supervisorToken, peers }: Pick<Configuration, 'socketPath' | 'supervisorToken' | 'peers'>, joined: (child: AcceptedChild) => void,
): Promise<AcceptedChild> {
  const tokens = new ChildTokens();
  tokens.expect('supervisor', supervisorToken);
  return new Promise((resolve, reject) => {
    const server = createServer(async (socket) => {
      if (!peers.includes(peerUid(socket) ?? -1)) return void socket.destroy();
      const child = await acceptChild(socket, tokens);
      if (child === undefined) return;
      if (child.role !== 'supervisor') return joined(child);
      child.peer.onRequest(async (request: { type: string; role: string; token: string }) => {
        if (request.type !== 'expect') throw new WardError('protocol-violation', `The supervisor may not ask for ${request.type}.`);
        tokens.expect(request.role, request.token);
        return { json: {} };
      });
      resolve(child);
    });
    server.once('error', reject);
    // Its directory shows it to nobody else where all run as one user; with several accounts the kernel says who connects.
    server.listen({ path: socketPath, readableAll: true, writableAll: true });
  });
}

await main().catch((thrown: unknown) => {
  const error = toWardError(thrown);
  process.stderr.write(`wardccd: front: ${error.at === undefined ? '' : `${error.at}: `}${error.message}\n  ${error.next}\n`);
  process.exit(1);
});
