/**
 * The `cert` mechanism on the server: chain and revocation are OpenSSL's verdict; our own checks come after it and can only
 * refuse more (purpose, and which names this CA may assert).
 *
 * @module
 */
import { readFileSync } from 'node:fs';
import { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { fingerprint, peerIdentity } from '../../certs/inspect.ts';
import { readRevocations, type Revocations } from '../../certs/revocations.ts';
import { verifiedClient } from '../../certs/verdict.ts';
import { formatPrincipal, principalOf } from '../../policy/principal.ts';
import type { ServerAuthenticator } from '../../protocol/handshake.ts';
import type { ServerConfig } from '../config.ts';
import type { PolicyHolder } from './policy-holder.ts';
import type { Identity } from './session.ts';

/** The CAs that may issue client certificates, and their revocation lists for sessions that are already open. */
export class ClientAuthorities {
  readonly #tls: ServerConfig['tls'];
  #certificates: readonly X509Certificate[] = [];
  #revocations: Revocations | undefined;

  /** @throws WardError when CA or list cannot be used: a server without revocation does not start. */
  constructor(tls: ServerConfig['tls']) {
    this.#tls = tls;
    this.reload();
  }

  get certificates(): readonly X509Certificate[] {
    return this.#certificates;
  }

  get revocations(): Revocations | undefined {
    return this.#revocations;
  }

  /** Reads both again. Throws and keeps the old ones when the new ones are broken. */
  reload(): void {
    const pem = readFileSync(this.#tls.clientCa, 'utf8');
    const certificates = (pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []).map((text) => new X509Certificate(text));
    this.#revocations = readRevocations(readFileSync(this.#tls.crl, 'utf8'), certificates);
    this.#certificates = certificates;
  }
}

/** Authenticates the holder of the TLS client certificate of one connection. */
export const certAuthenticator = (tls: TLSSocket, policy: PolicyHolder, authorities: ClientAuthorities): ServerAuthenticator => ({
  async accept(): Promise<Identity> {
    const certificate = verifiedClient(tls, authorities.certificates);
    const { name } = peerIdentity(certificate, policy.current.anchors, authorities.certificates);
    return {
      principal: formatPrincipal(principalOf('cert', name)),
      mechanism: 'cert',
      expires: Date.parse(certificate.validTo),
      fingerprint: fingerprint(certificate),
      stillValid: () => authorities.revocations?.check(certificate),
    };
  },
});
