/**
 * How another server of the farm proves that it is one: by the certificate with the marker of a server that clients know it by, which the
 * CA and the revocation list for servers admit. Which servers may come is decided afterwards, by the farm file.
 *
 * @module
 */
import type { TLSSocket } from 'node:tls';
import { fingerprint, peerNames } from '../../certs/inspect.ts';
import { verifiedClient } from '../../certs/verdict.ts';
import { WardError } from '../../protocol/errors.ts';
import type { ServerAuthenticator } from '../../protocol/handshake.ts';
import type { ClientAuthorities } from './authenticate-cert.ts';
import type { LiveIdentity, LiveSession } from './session.ts';

/** Names that a certificate proves, in lower case; one of them is in the principal once it was let in. */
export interface ProvenServer {
  readonly names: readonly string[];
  readonly expires: number;
  readonly fingerprint: string;
  revoked(): WardError | undefined;
}

export type PeerSession = LiveSession<LiveIdentity>;

/** Authenticates the server that shows the TLS client certificate of one connection. */
export const peerAuthenticator = (tls: TLSSocket, authorities: ClientAuthorities): ServerAuthenticator => ({
  async accept(): Promise<ProvenServer> {
    const certificate = verifiedClient(tls, authorities.certificates);
    return {
      names: peerNames(certificate),
      expires: Date.parse(certificate.validTo),
      fingerprint: fingerprint(certificate),
      revoked: () => authorities.revocations.check(certificate),
    };
  },
});

/** The one of its names under which a server may fetch here. @throws WardError `not-a-peer` */
export const admittedName = ({ names }: Pick<ProvenServer, 'names'>, servers: readonly string[]): string => {
  const admitted = servers.find((server) => names.includes(server.toLowerCase()));
  if (admitted === undefined) throw new WardError('not-a-peer', `The server ${names[0]} is not among those that may fetch results here.`);
  return admitted;
};
