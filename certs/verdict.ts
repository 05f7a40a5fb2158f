/**
 * OpenSSL's verdict on a peer's certificate, as one of our error codes and a sentence for the person who has to act. Chain,
 * validity, purpose and revocation are OpenSSL's decision alone; nothing here ever turns its "no" into a "yes", and a code
 * that is not in the table is a refusal too.
 *
 * @module
 */

import type { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { WardError, type ErrorCode } from '../protocol/errors.ts';

interface Verdict {
  readonly code: ErrorCode;
  /** Said by the server to the client whose certificate it is. */
  readonly client: string;
  /** Said on the client about the server's certificate, with the names of the settings that made it refuse. */
  readonly server: (trust: TrustNames) => string;
}

/** Where a configuration says whom it trusts, as sentences name it. */
export interface TrustNames {
  readonly ca: string;
  readonly crl: string;
}

const clientTrust: TrustNames = { ca: 'trust.ca in client.jsonc', crl: 'trust.crl' };

const untrusted: Verdict = {
  code: 'certificate-invalid',
  client: 'Your certificate was not issued by a CA that this server trusts; check that it is the one for this farm.',
  server: ({ ca }) => `The certificate of the server was not issued by a CA that is trusted here; check ${ca}.`,
};
const forged: Verdict = {
  code: 'certificate-invalid',
  client: 'The signature on your certificate is wrong: the file is damaged, or its CA has been replaced.',
  server: () => 'The signature on the certificate of the server is wrong: somebody may be in between, or its CA has been replaced.',
};
const malformed: Verdict = {
  code: 'certificate-invalid',
  client: 'Your certificate breaks a rule of X.509, such as the name constraints of its CA: openssl verify says which.',
  server: () => 'The certificate of the server breaks a rule of X.509, such as the name constraints of its CA: openssl verify says which.',
};
const badCrl: Verdict = {
  code: 'crl-missing',
  client: 'The revocation list of your CA on the server cannot be used: the administrator must install a new one.',
  server: ({ crl }) => `The revocation list in ${crl} cannot be used; install a new one from the CA.`,
};

/** Node's names for OpenSSL's verification results, as in `authorizationError` and `error.code`. */
const table: Record<string, Verdict> = {
  CERT_HAS_EXPIRED: {
    code: 'certificate-expired',
    client: 'Your certificate has expired; ask for a new one.',
    server: () => 'The certificate of the server has expired; its administrator must renew it.',
  },
  CERT_NOT_YET_VALID: {
    code: 'certificate-expired',
    client: 'Your certificate is not valid yet; check the clocks of this machine and of the CA.',
    server: () => 'The certificate of the server is not valid yet; check the clock of this machine.',
  },
  CERT_REVOKED: {
    code: 'certificate-revoked',
    client: 'Your certificate was revoked; ask the administrator why, and for a new one.',
    server: () => 'The certificate of the server was revoked: do not trust this server, and tell the administrator.',
  },
  CRL_HAS_EXPIRED: {
    code: 'crl-expired',
    client: 'The revocation list on the server is out of date, so it can accept no certificate; the administrator must install a new one.',
    server: ({ crl }) => `The revocation list in ${crl} is out of date, so no server can be accepted; install a new one from the CA.`,
  },
  CRL_NOT_YET_VALID: {
    code: 'crl-expired',
    client: 'The revocation list on the server is not valid yet; its administrator should check the clocks.',
    server: ({ crl }) => `The revocation list in ${crl} is not valid yet; check the clock of this machine.`,
  },
  UNABLE_TO_GET_CRL: {
    code: 'crl-missing',
    client: 'The server has no revocation list of the CA that issued your certificate; the administrator must install one.',
    server: ({ crl }) => `Either the CA that issued the certificate of the server is not trusted here, or ${crl} has no revocation list of it.`,
  },
  UNABLE_TO_DECRYPT_CRL_SIGNATURE: badCrl,
  CRL_SIGNATURE_FAILURE: badCrl,
  ERROR_IN_CRL_LAST_UPDATE_FIELD: badCrl,
  ERROR_IN_CRL_NEXT_UPDATE_FIELD: badCrl,
  UNABLE_TO_GET_ISSUER_CERT: untrusted,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: untrusted,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: untrusted,
  DEPTH_ZERO_SELF_SIGNED_CERT: untrusted,
  SELF_SIGNED_CERT_IN_CHAIN: untrusted,
  CERT_UNTRUSTED: untrusted,
  CERT_REJECTED: untrusted,
  UNABLE_TO_DECRYPT_CERT_SIGNATURE: forged,
  UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY: forged,
  CERT_SIGNATURE_FAILURE: forged,
  INVALID_PURPOSE: {
    code: 'certificate-invalid',
    client: 'Your certificate is not for client authentication (extended key usage clientAuth).',
    server: () => 'The certificate of the server is not for servers (extended key usage serverAuth).',
  },
  INVALID_CA: malformed,
  PATH_LENGTH_EXCEEDED: malformed,
  CERT_CHAIN_TOO_LONG: malformed,
};

const verdicts: Readonly<Record<string, Verdict>> = Object.freeze(Object.assign(Object.create(null) as object, table));

/** The server's refusal of a client, from `authorizationError`. */
export const clientRefusal = (authorizationError: string | undefined): WardError => {
  const verdict = verdicts[authorizationError ?? ''] ?? malformed;
  return new WardError(verdict.code, verdict.client, { cause: authorizationError });
};

/**
 * The client's refusal of a server, from the error of `tls.connect`: `server-untrusted`, unless it is the client's own
 * revocation list that is missing or out of date. Undefined if the error is none about certificates.
 *
 * @param trust where CA and list are named, if not in client.jsonc
 */
export const serverRefusal = (error: NodeJS.ErrnoException, host: string, trust = clientTrust): WardError | undefined => {
  if (error instanceof WardError) return error;
  const code = error.code ?? '';
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return new WardError('server-untrusted', `The certificate of the server is not for ${host}.`, { at: host, cause: error });
  }
  const verdict = verdicts[code] ?? (code === 'UNSPECIFIED' ? malformed : undefined);
  if (verdict === undefined) return undefined;
  // An unknown CA ends in UNABLE_TO_GET_CRL too when its certificate was sent along, so that one says nothing about our list.
  const own = verdict.code === 'crl-expired' || verdict === badCrl;
  return new WardError(own ? verdict.code : 'server-untrusted', verdict.server(trust), { at: host, cause: error });
};

/** Whether a certificate, or one that was sent along with it, was signed by one of the authorities. */
const leadsTo = (certificate: X509Certificate, authorities: readonly X509Certificate[]): boolean => {
  let current: X509Certificate | undefined = certificate;
  for (let depth = 0; current !== undefined && depth < 10; depth += 1) {
    const below: X509Certificate = current;
    if (authorities.some((authority) => below.checkIssued(authority) && below.verify(authority.publicKey))) return true;
    current = below.issuerCertificate;
  }
  return false;
};

/**
 * The client certificate of a connection that was made with `requestCert: true, rejectUnauthorized: false`, once OpenSSL has
 * accepted it. The time is looked at again, because a connection may have waited since its handshake.
 *
 * @param authorities the CA certificates that are trusted, to tell an unknown CA from a missing revocation list
 * @throws WardError `certificate-required`, or what `clientRefusal` makes of OpenSSL's verdict
 */
export const verifiedClient = (socket: TLSSocket, authorities: readonly X509Certificate[]): X509Certificate => {
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) {
    throw new WardError(
      'certificate-required',
      'The server asks for a client certificate and none was sent; name cert and key in client.jsonc.',
    );
  }
  if (!socket.authorized) {
    const reason = String(socket.authorizationError);
    throw clientRefusal(reason === 'UNABLE_TO_GET_CRL' && !leadsTo(certificate, authorities) ? 'UNABLE_TO_GET_ISSUER_CERT' : reason);
  }
  if (Date.parse(certificate.validTo) <= Date.now()) throw clientRefusal('CERT_HAS_EXPIRED');
  return certificate;
};
