/**
 * A server's real door for tests of Kerberos: listener, handshake, keytab, policy and sessions, without compilers behind it; and
 * clients that are the agent's own.
 *
 * @module
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import type { ClientConfig } from '../../client/config.ts';
import { Farm } from '../../client/farm/farm.ts';
import { parseHost } from '../../client/farm/hosts.ts';
import type { Probe } from '../../protocol/messages.ts';
import type { Stream } from '../../protocol/channel.ts';
import { toWardError, WardError } from '../../protocol/errors.ts';
import { ClientAuthorities } from '../../server/front/authenticate-cert.ts';
import type { KeeperLog } from '../../server/front/keeper-log.ts';
import { Listener } from '../../server/front/listener.ts';
import { openSession } from '../../server/front/open-session.ts';
import { PolicyHolder } from '../../server/front/policy-holder.ts';
import { Revisions } from '../../server/front/revision-memory.ts';
import { openServiceKeys, type ServiceKeys } from '../../server/front/service-keys.ts';
import type { Session } from '../../server/front/session.ts';
import { Sessions } from '../../server/front/sessions.ts';
import { addPrincipal, getTicket, writeKeytab, type TestRealm } from '../fixtures/realm.ts';
import { temporaryDirectory } from '../fixtures/temporary.ts';

export const serviceName = 'wardcc/localhost';

/** Makes the service in the realm and its keytab. */
export const makeKeytab = async (realm: TestRealm, name = 'service.keytab', principal = serviceName): Promise<string> => {
  const keytab = join(realm.directory, name);
  await addPrincipal(realm, principal);
  await writeKeytab(realm, principal, keytab);
  return keytab;
};

/** A person with a ticket. Returns the cache as KRB5CCNAME names it. */
export const makePerson = async (realm: TestRealm, name: string, lifetime?: string, options: readonly string[] = []): Promise<string> => {
  const cache = join(realm.directory, `cache-${Math.random().toString(36).slice(2)}`);
  await addPrincipal(realm, name, 'a password');
  await getTicket(realm, name, 'a password', cache, lifetime, options);
  return `FILE:${cache}`;
};

export interface ServiceOptions {
  readonly keytab: string;
  readonly service?: string;
  readonly identities?: readonly object[];
  readonly mechanisms?: readonly string[];
  /** Committer sources; a list of alice and bob without it. */
  readonly sources?: readonly object[];
  /** Certificates of people; without it none is accepted. */
  readonly people?: { readonly clientCa: string; readonly crl: string; readonly anchors: readonly object[] };
  /** Certificate and key files; self-signed without it. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** What becomes of a job. */
  readonly job?: (stream: Stream, probe: Probe, session: Session) => void;
  readonly toolchains?: readonly { readonly digest: string; readonly canary: string; readonly name: string }[];
}

export interface TestService {
  readonly port: number;
  readonly name: string;
  readonly keys: ServiceKeys;
  readonly policy: PolicyHolder;
  /** Everybody who was let in, in order. */
  readonly opened: Session[];
  /** Errors of those who were not. */
  readonly refused: WardError[];
}

/** A certificate that nobody vouches for. */
export const selfSigned = (directory: string): { cert: string; key: string } => {
  const files = { cert: join(directory, 'self.pem'), key: join(directory, 'self.key') };
  execFileSync('openssl', [
    'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=nobody in particular',
    '-keyout', files.key, '-out', files.cert,
  ], { stdio: 'ignore' });
  return files;
};

export const startService = async (t: ExecutionContext<unknown>, options: ServiceOptions): Promise<TestService> => {
  const directory = await temporaryDirectory(t);
  const identities = options.identities ?? [{ id: 'realm', mechanism: 'krb5', realms: { 'WARDCC.TEST': '{user}' } }];
  writeFileSync(join(directory, 'committers'), 'alice\nbob\n');
  writeFileSync(join(directory, 'policy.jsonc'), JSON.stringify({
    serial: 1, mechanisms: options.mechanisms ?? ['krb5'], identities,
    ...(options.people === undefined ? {} : { anchors: options.people.anchors }),
    committers: { sources: options.sources ?? [{ id: 'list', kind: 'list', file: 'committers' }] },
    rules: [{ id: 'everybody', effect: 'allow', who: ['*'] }],
  }));
  mkdirSync(join(directory, 'front'));
  const policy = await PolicyHolder.load(join(directory, 'policy.jsonc'), new Revisions(directory, () => {}));
  const authorities = options.people === undefined ? undefined : new ClientAuthorities(options.people);
  const krb5 = { keytab: options.keytab, service: options.service ?? serviceName, config: process.env['KRB5_CONFIG'] };
  const keys = openServiceKeys({ krb5, state: directory })!;
  const sessions = new Sessions();
  const opened: Session[] = [];
  const refused: WardError[] = [];
  const log = { sessionDecided: async () => 0 } as unknown as KeeperLog;
  const listen = [{ host: '127.0.0.1', port: 0 }];
  const config = { listen, tls: options.tls ?? selfSigned(directory), connections: { total: 256, perAddress: 256 } };
  const welcome = { server: 'localhost', isolation: 'strict' as const, slots: 8, toolchains: [...options.toolchains ?? []], zstd: false };
  const listener = new Listener(config, { people: authorities }, {
    refused: () => {},
    connection: (socket, tls, address) => {
      void openSession({ socket, tls, address, policy, authorities, serviceKeys: keys, log, welcome }).then((session) => {
        sessions.add(session, (one) => policy.judge(one));
        opened.push(session);
        session.channel.onStream((stream, probe) => options.job?.(stream, probe as Probe, session));
        session.channel.onBlob((blob) => blob.reset(new WardError('internal')));
      }, (thrown) => refused.push(toWardError(thrown)));
    },
  });
  const port = (await listener.listen())[0]!.port;
  t.teardown(() => {
    sessions.endAll(new WardError('server-stopping'));
    listener.close();
  });
  return { port, name: `127.0.0.1:${port}`, keys, policy, opened, refused };
};

/** The agent's view of one server, as somebody with this cache. Closed after the test. */
export const clientOf = (
  t: ExecutionContext<unknown>, realm: Pick<TestRealm, 'environment'>, server: Pick<TestService, 'name'>, cache: string,
  changes: Partial<ClientConfig> = {},
): Farm => {
  const farm = new Farm({
    servers: [parseHost(server.name)],
    trust: { servers: ['localhost'] },
    credentials: { cert: '/nonexistent/cert.pem', key: '/nonexistent/key.pem' },
    ssh: {},
    environment: { KRB5CCNAME: cache, KRB5_CONFIG: realm.environment['KRB5_CONFIG']! },
    mechanisms: ['krb5'], fallback: 'never', project: 'default', cache: { directory: '/nonexistent', bytes: 0 }, verify: 0,
    locked: new Set(), files: [],
    ...changes,
  });
  t.teardown(() => farm.close());
  return farm;
};

/** The error with which somebody is refused. */
export const refusalOf = async (t: ExecutionContext<unknown>, farm: Farm): Promise<[string, string]> => {
  const { code, message } = await t.throwsAsync(farm.whoami({}), { instanceOf: WardError }) as WardError;
  return [code, message];
};

export const read = (file: string): Buffer => readFileSync(file);
