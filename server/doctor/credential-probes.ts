/**
 * The server's certificate and key, the clients' authority, and the revocation list.
 *
 * @module
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { checkServer } from '../../certs/inspect.ts';
import { readRevocations } from '../../certs/revocations.ts';
import type { ClientTrust, ServerConfig } from '../config.ts';
import { caution, fail, pass, type Finding } from './finding.ts';

const day = 86_400_000;
const soonDays = 21;

const days = (until: number): string => `${Math.floor((until - Date.now()) / day)} days`;

const certificatesIn = (file: string): X509Certificate[] => {
  const found = readFileSync(file, 'utf8').match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return found.map((pem) => new X509Certificate(pem));
};

export const probeServerCertificate = ({ name, tls }: Pick<ServerConfig, 'name' | 'tls'>): Finding => {
  const probe = 'TLS certificate';
  const renew = 'wardctl certs issue --server NAME, then install certificate and key.';
  const [certificate] = certificatesIn(tls.cert);
  if (certificate === undefined) return fail(probe, `${tls.cert} holds no certificate.`, renew);
  if (!certificate.checkPrivateKey(createPrivateKey(readFileSync(tls.key))))
    return fail(probe, `${tls.key} is not the key of ${tls.cert}.`, renew);
  const [from, until] = [Date.parse(certificate.validFrom), Date.parse(certificate.validTo)];
  if (Date.now() < from)
    return fail(probe, `${tls.cert} is valid from ${certificate.validFrom} on: no client accepts it now.`, 'Check the clock.');
  if (Date.now() > until) return fail(probe, `${tls.cert} was valid until ${certificate.validTo}.`, renew);
  checkServer(name, certificate);
  const says = `for ${name}, valid for ${days(until)}`;
  return until - Date.now() < soonDays * day ? caution(probe, says, renew) : pass(probe, says);
};

export const probeRevocationList = (clients: ClientTrust): Finding => {
  const probe = 'revocation list';
  const renew = 'wardctl certs crl, then install the list; do that on a schedule.';
  const authorities = certificatesIn(clients.clientCa);
  const { nextUpdate, issued, check } = readRevocations(readFileSync(clients.crl, 'utf8'), authorities);
  const from = Math.max(...issued.values());
  if (from > Date.now())
    return fail(probe, `${clients.crl} is valid from ${new Date(from).toISOString()} on: certificates are refused until then.`, 'Check the clocks of this machine and of the CA.');
  if (nextUpdate <= Date.now())
    return fail(probe, `${clients.crl} went out of date on ${new Date(nextUpdate).toISOString()}: every certificate is refused.`, renew);
  const bare = authorities.find((authority) => check(authority)?.code === 'crl-missing');
  if (bare !== undefined) {
    const sentence = `${clients.crl} has no list of "${bare.subject.replaceAll('\n', ', ')}": whoever has a certificate below it is refused.`;
    return fail(probe, sentence, 'Put the list of each CA in "clientCa" into the file, that of the root too.');
  }
  const says = `signed by the clients' authority, good for ${days(nextUpdate)}`;
  return nextUpdate - Date.now() < 2 * day ? caution(probe, says, renew) : pass(probe, says);
};

export const probeAuthorities = ({ clientCa }: ClientTrust): Finding => {
  const probe = "clients' authority";
  const authorities = certificatesIn(clientCa);
  if (authorities.length === 0)
    return fail(probe, `${clientCa} holds no certificate.`, "Name the CA that issues the users' certificates under tls.clientCa.");
  const wrong = authorities.find(({ ca }) => !ca);
  if (wrong !== undefined) return fail(probe, `${wrong.subject} in ${clientCa} is no CA.`, 'Keep only CA certificates in this file.');
  const until = Math.min(...authorities.map(({ validTo }) => Date.parse(validTo)));
  if (until < Date.now()) return fail(probe, `A CA in ${clientCa} has expired.`, 'Make a new CA and issue new certificates.');
  return until - Date.now() < 90 * day
    ? caution(probe, `valid for ${days(until)}`, 'Make a new CA in time.')
    : pass(probe, `${authorities.length} trusted, valid for ${days(until)}`);
};
