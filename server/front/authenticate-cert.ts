/**
 * The `cert` mechanism on the server: chain and revocation are OpenSSL's verdict; our own checks come after it and can only
 * refuse more (purpose, and which names this CA may assert).
 *
 * @module
 */
import { X509Certificate } from 'node:crypto';
import { createSecureContext, type TLSSocket } from 'node:tls';
import { fingerprint, peerIdentity } from '../../certs/inspect.ts';
import { readRevocations, type Revocations } from '../../certs/revocations.ts';
import { verifiedClient } from '../../certs/verdict.ts';
import { readGuardedSync } from '../../policy/guarded-read.ts';
import { formatPrincipal, principalOf } from '../../policy/principal.ts';
import { toWardError, WardError } from '../../protocol/errors.ts';
import type { ServerAuthenticator } from '../../protocol/handshake.ts';
import type { ClientTrust } from '../config.ts';
import type { PolicyHolder } from './policy-holder.ts';
import type { Identity } from './session.ts';

const maxBytes = 64 * 2 ** 20;

interface Loaded {
  readonly ca: Buffer;
  readonly crl: Buffer;
  readonly certificates: readonly X509Certificate[];
  readonly revocations: Revocations;
}

/** The CAs that may issue client certificates, and their revocation lists for sessions that are already open. */
export class ClientAuthorities {
  readonly #trust: ClientTrust;
  /** When the newest list of each CA that was ever in force here was made: one that was away for a while does not come back older. */
  readonly #newest = new Map<string, number>();
  #loaded: Loaded;

  /** @throws WardError when CA or list cannot be used: a server without revocation does not start. */
  constructor(trust: ClientTrust) {
    this.#trust = trust;
    this.#loaded = this.#admit(loadAuthorities(trust));
  }

  /** CA and lists as OpenSSL takes them: exactly those that live sessions are judged by. */
  get context(): { readonly ca: Buffer; readonly crl: Buffer } {
    const { ca, crl } = this.#loaded;
    return { ca, crl };
  }

  get certificates(): readonly X509Certificate[] {
    return this.#loaded.certificates;
  }

  get revocations(): Revocations {
    return this.#loaded.revocations;
  }

  /** Reads both again. Throws and keeps the old ones when the new ones are broken, or a list is older than the one in force. */
  reload(): void {
    this.#loaded = this.#admit(loadAuthorities(this.#trust));
  }

  #admit(next: Loaded): Loaded {
    const { issued } = next.revocations;
    if ([...issued].some(([list, made]) => made < (this.#newest.get(list) ?? 0))) {
      throw new WardError('config-invalid', `${this.#trust.crl}: this revocation list is older than the one in force`, { at: this.#trust.crl });
    }
    for (const [list, made] of issued) this.#newest.set(list, made);
    return next;
  }
}

const loadAuthorities = (trust: ClientTrust): Loaded => {
  const ca = readGuardedSync(trust.clientCa, { maxBytes });
  const crl = readGuardedSync(trust.crl, { maxBytes });
  try {
    const certificates = (ca.toString('latin1').match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [])
      .map((text) => new X509Certificate(text));
    const revocations = readRevocations(crl.toString('latin1'), certificates);
    createSecureContext({ ca, crl });
    return { ca, crl, certificates, revocations };
  } catch (cause) {
    const why = cause instanceof WardError ? cause.message : `they cannot be used (${(cause as Error).message})`;
    throw new WardError('config-invalid', `${trust.clientCa} and ${trust.crl}: ${why}`, { at: trust.crl, cause });
  }
};

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
      stillValid: () => authorities.revocations.check(certificate) ?? stillAsserted(certificate, name, policy, authorities),
    };
  },
});

/** CAs and anchors change too: the certificate must say today what it said when the session began. */
const stillAsserted = (certificate: X509Certificate, name: string, policy: PolicyHolder, authorities: ClientAuthorities): WardError | undefined => {
  try {
    const today = peerIdentity(certificate, policy.current.anchors, authorities.certificates);
    return today.name === name ? undefined : new WardError('access-ended', `The certificate stands for ${today.name} now, no longer for ${name}.`);
  } catch (thrown) {
    return toWardError(thrown);
  }
};
