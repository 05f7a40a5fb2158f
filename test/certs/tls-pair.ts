/**
 * One TLS 1.3 connection on loopback between a client and a server that look at each other as wardcc does, and certificates
 * that no honest CA would sign.
 *
 * @module
 */

import { createPrivateKey, randomBytes, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { generalNames, type AltName } from '../../certs/altnames.ts';
import type { Authority } from '../../certs/authority.ts';
import { signCertificate } from '../../certs/certificate.ts';
import { encode, octets, oid, sequence, type Der } from '../../certs/der.ts';
import { authorityKeyIdentifier, basicConstraintsCa, basicConstraintsLeaf, extKeyUsage, keyUsageCa, keyUsageLeaf, subjectKeyIdentifier } from '../../certs/extensions.ts';
import { checkServerIdentity, peerIdentity, type NameAnchor, type PeerIdentity } from '../../certs/inspect.ts';
import { generateKey, plainKeyPem } from '../../certs/keys.ts';
import { oids } from '../../certs/oids.ts';
import { serverRefusal, verifiedClient } from '../../certs/verdict.ts';

export interface Holder {
  readonly certPem: string;
  readonly keyPem: string;
}

export interface Trust {
  readonly ca: string | string[];
  readonly crl: string | string[];
}

export interface Outcome {
  /** What the server made of the client. */
  server: PeerIdentity | Error;
  /** What the client made of the server. */
  client: 'accepted' | Error;
}

export interface Sides {
  readonly server: Holder & Trust & { readonly anchors: readonly NameAnchor[] };
  readonly client: Partial<Holder> & Trust & { readonly host: string };
}

const judge = (socket: TLSSocket, { ca, anchors }: Sides['server']): PeerIdentity | Error => {
  const authorities = [ca].flat().map((pem) => new X509Certificate(pem));
  try {
    return peerIdentity(verifiedClient(socket, authorities), anchors, authorities);
  } catch (error) {
    return error as Error;
  }
};

/** Connects once and returns both verdicts. */
export const meet = async ({ server, client }: Sides): Promise<Outcome> => {
  const outcome: Outcome = { server: new Error('never asked'), client: 'accepted' };
  const listener = createServer({
    cert: server.certPem, key: server.keyPem, ca: server.ca, crl: server.crl, minVersion: 'TLSv1.3', requestCert: true, rejectUnauthorized: false,
  }, (socket) => {
    outcome.server = judge(socket, server);
    socket.on('error', () => undefined);
    socket.end('.');
  });
  listener.on('tlsClientError', () => undefined);
  await new Promise<void>((done) => listener.listen(0, '127.0.0.1', done));
  await new Promise<void>((done) => {
    const socket = connect({
      port: (listener.address() as AddressInfo).port, host: '127.0.0.1', servername: client.host, ca: client.ca, crl: client.crl, minVersion: 'TLSv1.3',
      ...(client.certPem === undefined ? {} : { cert: client.certPem, key: client.keyPem }), checkServerIdentity,
    });
    socket.on('error', (error) => {
      outcome.client = serverRefusal(error, client.host) ?? error;
    });
    socket.on('close', () => done());
    socket.resume();
  });
  await new Promise<void>((done) => listener.close(() => done()));
  return outcome;
};

/** Parts of a certificate that a test gets wrong. */
export interface Oddity {
  readonly names?: readonly AltName[];
  readonly usage?: readonly string[];
  readonly ca?: boolean;
  readonly subject?: string;
  /** Sign with a key that is not the issuer's. */
  readonly forged?: boolean;
  readonly extensions?: readonly Der[];
  /** Issue below this certificate instead of the root. */
  readonly issuer?: Holder & { readonly name: string };
}

const publicPart = (certPem: string): Buffer => new X509Certificate(certPem).publicKey.export({ type: 'spki', format: 'der' });

/** A certificate of a `dev` CA with exactly these parts, whatever they mean. */
export const oddCertificate = (authority: Authority, { names = [], usage = [oids.clientAuth], ca = false, subject = 'odd', forged = false, extensions = [], issuer }: Oddity): Holder => {
  const { key, spki } = generateKey();
  const above = issuer ?? { certPem: authority.caPem, keyPem: readFileSync(join(authority.directory, 'ca.key'), 'utf8'), name: 'wardcc CA' };
  const signer = { name: above.name, spki: publicPart(above.certPem), key: forged ? generateKey().key : createPrivateKey(above.keyPem) };
  const parts = [
    ...(ca ? [basicConstraintsCa(), keyUsageCa()] : [basicConstraintsLeaf(), keyUsageLeaf()]),
    ...(usage.length > 0 ? [extKeyUsage(...usage)] : []),
    ...(names.length > 0 ? [sequence(oid(oids.subjectAltName), octets(encode(generalNames(names))))] : []),
    subjectKeyIdentifier(spki), authorityKeyIdentifier(signer.spki), ...extensions,
  ];
  const certPem = signCertificate({
    serial: Buffer.concat([Buffer.from([0x40]), randomBytes(15)]), subject, notBefore: new Date(Date.now() - 60_000), notAfter: new Date(Date.now() + 3_600_000), spki, extensions: parts,
  }, signer);
  return { certPem, keyPem: plainKeyPem(key) };
};
