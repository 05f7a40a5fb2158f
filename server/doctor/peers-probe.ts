/**
 * Can this server fetch results from others, and they from it? What is wrong here costs only hits, and so nobody notices it.
 *
 * @module
 */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { peerNames } from '../../certs/inspect.ts';
import { toWardError } from '../../protocol/errors.ts';
import type { ServerConfig } from '../config.ts';
import { ClientAuthorities } from '../front/authenticate-cert.ts';
import type { PeersConfig } from '../store/shared-config.ts';
import { caution, fail, pass, type Finding } from './finding.ts';

const probe = 'results from other servers';

/** @throws WardError when the CA or the list for servers cannot be used: then the server does not start */
export const probePeers = (peers: PeersConfig, { name, tls, farm }: Pick<ServerConfig, 'name' | 'tls' | 'farm'>): Finding => {
  const authorities = new ClientAuthorities({ clientCa: peers.ca, crl: peers.crl });
  const certificate = new X509Certificate(readFileSync(tls.cert));
  const renew = 'wardctl certs issue --server NAME, then install certificate and key.';
  try {
    if (!peerNames(certificate).includes(name.toLowerCase())) return fail(probe, `${tls.cert} is not for ${name}.`, renew);
  } catch (thrown) {
    return fail(probe, `Other servers refuse this one: ${toWardError(thrown).message}`, renew);
  }
  const revoked = authorities.revocations.check(certificate);
  if (revoked !== undefined) return fail(probe, `Other servers refuse this one: ${revoked.message}`, renew);
  if (farm === undefined) return caution(probe, 'Without a farm file results of other servers count here for nothing.', 'Name "farm" in server.jsonc: docs/trust.md.');
  return pass(probe, `${name} is a server to the others; ${peers.servers === undefined ? 'those of the farm file' : peers.servers.join(', ') || 'none'} may fetch here`);
};
