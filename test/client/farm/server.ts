/**
 * A small real server for tests of the farm: TLS 1.3, WebSocket, the protocol's own handshake, and jobs that the test answers.
 * Each farm has a CA of its own in a temporary directory.
 *
 * @module
 */
import { constants, createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import type { ExecutionContext } from 'ava';
import { WebSocketServer } from 'ws';
import { initAuthority, type Authority, type IssuedWithKey } from '../../../certs/authority.ts';
import { verifiedClient } from '../../../certs/verdict.ts';
import type { ClientConfig } from '../../../client/config.ts';
import { Farm, type FarmJob } from '../../../client/farm/farm.ts';
import { parseHost } from '../../../client/farm/hosts.ts';
import type { Channel, Stream } from '../../../protocol/channel.ts';
import { WardError } from '../../../protocol/errors.ts';
import { serverHandshake } from '../../../protocol/handshake.ts';
import type { Pointer, Probe, Welcome } from '../../../protocol/messages.ts';
import { SUBPROTOCOL, tlsExporter, webSocketServerOptions, webSocketTransport } from '../../../protocol/transport.ts';
import { encodeTree } from '../../../protocol/tree.ts';
import { X509Certificate } from 'node:crypto';
import { temporaryDirectory } from '../../fixtures/temporary.ts';

export const toolchain = 'a'.repeat(64);
export const canary = 'c'.repeat(64);
export const sha256 = (content: Buffer): string => createHash('sha256').update(content).digest('hex');

export interface TestServer {
  readonly port: number;
  readonly name: string;
  readonly sessions: Channel[];
  /** Probes that came, in order. */
  readonly probes: Probe[];
  /** Pointers that came. */
  pointers: number;
  /** Blobs that came, by digest. */
  readonly blobs: Map<string, Buffer>;
  stop(): Promise<void>;
}

export interface ServerBehaviour {
  /** What becomes of a job; by default a result with the first output. */
  job?: (stream: Stream, probe: Probe, server: TestServer, channel: Channel) => void;
  /** What becomes of a pointer; by default it is taken and forgotten. */
  pointer?: (stream: Stream, pointer: Pointer) => void;
  /** Changes the welcome, or refuses by returning an error. */
  welcome?: (welcome: Welcome) => Welcome | WardError;
  /** Certificate instead of one for localhost. */
  identity?: IssuedWithKey | { certPem: string; keyPem: string };
  port?: number;
  /** Revocation list of the server; by default the empty one. */
  crl?: string;
  /** Before the WebSocket upgrade. */
  upgrade?: (socket: Socket) => boolean | Promise<boolean>;
}

export interface TestFarm {
  readonly directory: string;
  readonly authority: Authority;
  readonly paths: { cert: string; key: string };
  start(behaviour?: ServerBehaviour): Promise<TestServer>;
  /** A configuration for these servers. */
  config(servers: readonly (TestServer | string)[], changes?: Partial<ClientConfig>): ClientConfig;
  /** A client, closed after the test. */
  client(servers: readonly (TestServer | string)[], changes?: Partial<ClientConfig>): Farm;
}

/** Offers, takes the tree, and answers with `content` as the first output. */
export const answerWith = (content: Buffer, texts: { stdout?: string; stderr?: string; code?: number } = {}) => (stream: Stream): void => {
  const stdout = Buffer.from(texts.stdout ?? '');
  const stderr = Buffer.from(texts.stderr ?? '');
  stream.onData((chunk) => stream.consumed(chunk.length));
  stream.onEnd(() => {
    stream.send({
      type: 'result', cached: false, keep: true, status: { code: texts.code ?? 0, signal: 0 }, stdout: stdout.length, stderr: stderr.length,
      outputs: [{ index: 0, size: content.length, digest: sha256(content), mode: 0o666 }],
      usage: { wallMs: 1, userMs: 1, systemMs: 0, maxRssKb: 1000 }, server: 'test',
    });
    stream.write(Buffer.concat([stdout, stderr, content]), { end: true }).catch(() => {});
  });
  stream.send({ type: 'offer', leaseMs: 1000, speed: 1 });
};

export const inputs = [Buffer.from('int main(void) { return 0; }\n'), Buffer.from('#define A 1\n')];

/** A job with two inputs; `salt` makes it another one with another home. */
export const testJob = (changes: Partial<FarmJob['probe']> = {}, salt = ''): FarmJob => {
  const files = [...inputs, Buffer.from(salt)];
  const tree = encodeTree(files.map((content, index) => ({
    path: `/home/alice/${index}.c`, kind: 'file', digest: createHash('sha256').update(content).digest(), size: content.length, group: 0,
  })));
  return {
    probe: {
      id: '1', project: 'default', toolchain, compiler: '/usr/bin/gcc', language: 'c', argv: ['gcc', '-c', '0.c'],
      env: {}, cwd: '/home/alice', umask: 0o22,
      outputs: [`/home/alice/${salt || '0'}.o`, '/home/alice/0.d'], tree: sha256(tree), treeBytes: tree.length, inputBytes: 100, ...changes,
    },
    tree,
    blob: (digest) => files.find((content) => sha256(content) === digest) ?? Promise.reject(new Error('not an input')),
  };
};

const listen = async (
  t: ExecutionContext<unknown>, farm: { directory: string; authority: Authority; crl: string }, behaviour: ServerBehaviour,
): Promise<TestServer> => {
  const identity = behaviour.identity ?? await farm.authority.issueServer(['localhost', '127.0.0.1']);
  const https = createServer({
    cert: identity.certPem, key: identity.keyPem, ca: farm.authority.caPem, crl: behaviour.crl ?? farm.crl,
    minVersion: 'TLSv1.3', requestCert: true, rejectUnauthorized: false,
    secureOptions: constants.SSL_OP_NO_TICKET,
  });
  const webSockets = new WebSocketServer(webSocketServerOptions);
  const open = new Set<Socket>();
  https.on('connection', (socket: Socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
  });
  https.on('tlsClientError', () => {});
  const authorities = [new X509Certificate(farm.authority.caPem)];
  const server: TestServer = {
    get port() {
      return (https.address() as AddressInfo).port;
    },
    get name() {
      return `127.0.0.1:${this.port}`;
    },
    sessions: [],
    probes: [],
    pointers: 0,
    blobs: new Map(),
    stop: async () => {
      for (const socket of open) socket.destroy();
      await new Promise<void>((resolve) => https.close(() => resolve()));
    },
  };
  https.on('upgrade', async (request, socket: TLSSocket, head) => {
    if (await behaviour.upgrade?.(socket) === false) return;
    t.is(request.headers['sec-websocket-protocol'], SUBPROTOCOL);
    t.is(socket.getProtocol(), 'TLSv1.3');
    t.false(socket.isSessionReused());
    webSockets.handleUpgrade(request, socket, head, (webSocket) => {
      void serverHandshake(webSocketTransport(webSocket), {
        authenticators: new Map([[
          'cert', { accept: async () => verifiedClient(socket, authorities).subjectAltName ?? '' },
        ]]), exporter: tlsExporter(socket),
      }).then(({ channel }) => {
        const plain: Welcome = {
          type: 'welcome', server: 'test', principal: 'cert:alice', committer: 'alice', mechanism: 'cert', expires: 0,
          policy: { serial: 1, digest: 'd'.repeat(64) }, isolation: 'strict', slots: 4, toolchains: [{
            digest: toolchain, canary, name: '/usr/bin/gcc',
          }],
        };
        const welcome = behaviour.welcome?.(plain) ?? plain;
        if (welcome instanceof Error) return channel.close(welcome);
        server.sessions.push(channel);
        channel.onStream((stream, first) => {
          if (first.type === 'pointer') {
            server.pointers += 1;
            return (behaviour.pointer ?? (() => void stream.write(Buffer.alloc(0), { end: true })))(stream, first);
          }
          if (first.type !== 'probe') return stream.reset(new WardError('protocol-violation'));
          server.probes.push(first);
          (behaviour.job ?? answerWith(Buffer.from('object')))(stream, first, server, channel);
        });
        channel.onBlob((blob) => {
          const chunks: Buffer[] = [];
          blob.onData((chunk) => {
            chunks.push(Buffer.from(chunk));
            blob.consumed(chunk.length);
          });
          blob.onEnd(() => server.blobs.set(blob.digest.toString('hex'), Buffer.concat(chunks)));
        });
        channel.notify(welcome);
      }, () => {});
    });
  });
  await new Promise<void>((resolve) => https.listen(behaviour.port ?? 0, '127.0.0.1', resolve));
  t.teardown(() => server.stop());
  return server;
};

/** A CA, a user's certificate, and servers as the test starts them. */
export const testFarm = async (t: ExecutionContext<unknown>): Promise<TestFarm> => {
  const directory = await temporaryDirectory(t);
  const authority = await initAuthority(join(directory, 'ca'), { dev: true });
  const crl = await authority.writeCrl();
  const user = await authority.issueUser('alice');
  const paths = { cert: join(directory, 'cert.pem'), key: join(directory, 'key.pem') };
  const ca = join(directory, 'trust-ca.pem');
  writeFileSync(ca, authority.caPem);
  writeFileSync(join(directory, 'trust-crl.pem'), crl);
  writeFileSync(paths.cert, user.certPem);
  writeFileSync(paths.key, user.keyPem, { mode: 0o600 });
  const config: TestFarm['config'] = (servers, changes = {}) => ({
    servers: servers.map((server) => parseHost(typeof server === 'string' ? server : server.name)),
    trust: { ca, crl: join(directory, 'trust-crl.pem'), servers: ['localhost'] },
    credentials: paths, ssh: {}, environment: {}, mechanisms: ['cert'],
    fallback: 'infra', project: 'default', cache: { directory: join(directory, 'cache'), bytes: 0 }, verify: 0, locked: new Set(), files: [], ...changes,
  });
  return {
    directory, authority, paths, config,
    start: (behaviour = {}) => listen(t, { directory, authority, crl }, behaviour),
    client: (servers, changes) => {
      const farm = new Farm(config(servers, changes));
      t.teardown(() => farm.close());
      return farm;
    },
  };
};
