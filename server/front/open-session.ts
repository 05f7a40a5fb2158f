/**
 * From an open WebSocket to a session: handshake, identity, committer, the policy's word on connecting, the log, `welcome`.
 * A refusal that has a name in it is logged and told to the client with its code; then the connection closes.
 *
 * @module
 */
import type { TLSSocket } from 'node:tls';
import type { WebSocket } from 'ws';
import type { OfferedToolchain, Isolation } from '../../protocol/messages.ts';
import { serverHandshake, type Mechanism, type ServerAuthenticator } from '../../protocol/handshake.ts';
import { tlsExporter, webSocketTransport } from '../../protocol/transport.ts';
import { toWardError, WardError } from '../../protocol/errors.ts';
import { certAuthenticator, type ClientAuthorities } from './authenticate-cert.ts';
import { krb5Authenticator } from './authenticate-krb5.ts';
import type { KeeperLog } from './keeper-log.ts';
import type { PolicyHolder } from './policy-holder.ts';
import type { ServiceKeys } from './service-keys.ts';
import { Session, type Identity } from './session.ts';

export interface Opening {
  readonly socket: WebSocket;
  /** What the connection came over: TLS, or sshd, and then what makes something of what that verified. */
  readonly tls: TLSSocket | undefined;
  readonly ssh?: ServerAuthenticator;
  readonly address: string;
  readonly policy: PolicyHolder;
  /** Absent: no certificates of people are accepted. */
  readonly authorities: ClientAuthorities | undefined;
  /** Absent: this server has no keytab. */
  readonly serviceKeys: ServiceKeys | undefined;
  readonly log: KeeperLog;
  readonly welcome: { readonly server: string; readonly isolation: Isolation; readonly slots: number; readonly toolchains: OfferedToolchain[]; readonly zstd: boolean };
}

/** @throws WardError what the client was told. */
export async function openSession({ socket, tls, ssh, address, policy, authorities, serviceKeys, log, welcome }: Opening): Promise<Session> {
  const permitted = new Map<Mechanism, ServerAuthenticator>();
  if (tls !== undefined && authorities !== undefined && policy.permits('cert')) permitted.set('cert', certAuthenticator(tls, policy, authorities));
  if (tls !== undefined && serviceKeys !== undefined && policy.permits('krb5')) permitted.set('krb5', krb5Authenticator(serviceKeys));
  if (ssh !== undefined && policy.permits('ssh')) permitted.set('ssh', ssh);
  const exporter = tls === undefined ? () => undefined : tlsExporter(tls);
  const accepted = await serverHandshake(webSocketTransport(socket), { authenticators: permitted, exporter });
  const identity = accepted.identity as Identity;
  const { channel } = accepted;
  try {
    const { committer, because, decision } = policy.decideConnection(identity);
    await log.sessionDecided(identity, address, committer, decision);
    if (decision.verdict === 'deny') throw new WardError(decision.code ?? 'policy-denied', decision.sentence, { rule: decision.rule, at: decision.position });
    channel.notify({
      type: 'welcome',
      ...welcome,
      principal: identity.principal,
      committer,
      because,
      mechanism: identity.mechanism,
      expires: identity.expires,
      policy: { serial: policy.current.serial, digest: policy.current.digest },
    });
    return new Session(identity, committer, address, channel);
  } catch (thrown) {
    const error = toWardError(thrown);
    // The name is proven, whatever else is not known: it is in the log, and not only counted.
    if (error.code === 'identity-unknown' || error.code === 'policy-unavailable') await log.sessionDecided(identity, address, undefined, error).catch(() => {});
    channel.close(error);
    throw error;
  }
}
