/**
 * The user's client certificate and key: found, checked before any server is asked, and watched while sessions live on them.
 * The key must be a regular file that belongs to this user and that nobody else can read; it is never encrypted, because the
 * agent has nobody to ask for a passphrase.
 *
 * @module
 */

import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import { closeSync, fstatSync, openSync, readFileSync, constants } from 'node:fs';
import { join } from 'node:path';
import { isOfServer } from '../../certs/inspect.ts';
import { WardError } from '../../protocol/errors.ts';

const maxBytes = 1 << 20;
const clientAuth = '1.3.6.1.5.5.7.3.2';

export interface CertPaths {
  readonly cert: string;
  readonly key: string;
}

export interface CertCredential {
  readonly mechanism: 'cert';
  readonly paths: CertPaths;
  /** The certificate, and intermediates that stand after it in the file. */
  readonly certPem: string;
  readonly keyPem: string;
  /** End of the certificate's validity, in milliseconds since 1970. */
  readonly expires: number;
  /** SHA-256 of the certificate in hex: sessions are kept by it. */
  readonly fingerprint: string;
}

/** Where the certificate and the key lie unless client.jsonc names them: `~/.config/wardcc/{cert,key}.pem`. */
export const defaultCertPaths = (home: string): CertPaths => {
  const directory = join(home, '.config', 'wardcc');
  return { cert: join(directory, 'cert.pem'), key: join(directory, 'key.pem') };
};

const missing = (what: string, path: string, cause: NodeJS.ErrnoException): WardError => {
  if (cause.code === 'ENOENT' || cause.code === 'ENOTDIR') {
    return new WardError(
      'credential-missing',
      `There is no ${what} at ${path}; install one, or name yours under "credentials" in client.jsonc.`,
      { at: path, cause },
    );
  }
  return new WardError('credential-missing', `The ${what} ${path} cannot be read (${cause.code ?? cause.message}).`, { at: path, cause });
};

const unfit = (path: string, sentence: string, cause?: unknown): WardError =>
  new WardError('credential-missing', sentence, { at: path, cause });

const octal = (mode: number): string => (mode & 0o777).toString(8).padStart(4, '0');

/** Reads a small regular file. What is checked is the opened file, so it cannot be exchanged in between. */
const readRegular = (what: string, path: string, isPrivate: boolean): string => {
  let descriptor: number;
  try {
    // Not to wait for ever when a pipe lies there.
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    throw missing(what, path, error as NodeJS.ErrnoException);
  }
  try {
    const status = fstatSync(descriptor);
    if (!status.isFile()) throw unfit(path, `The ${what} ${path} is not a regular file.`);
    if (status.size > maxBytes) throw unfit(path, `The ${what} ${path} is larger than 1 MiB.`);
    if (isPrivate && status.uid !== process.getuid?.()) {
      throw unfit(path, `The ${what} ${path} belongs to another user (uid ${status.uid}).`);
    }
    if (isPrivate && (status.mode & 0o077) !== 0) {
      throw unfit(
        path,
        `The ${what} ${path} can be read by others (mode ${octal(status.mode)}): chmod 600, and think about who may have read it.`,
      );
    }
    return readFileSync(descriptor, 'utf8');
  } finally {
    closeSync(descriptor);
  }
};

const parseCertificate = (path: string, pem: string): X509Certificate => {
  try {
    return new X509Certificate(pem);
  } catch (cause) {
    throw unfit(path, `${path} holds no certificate in PEM form.`, cause);
  }
};

const parseKey = (path: string, pem: string): KeyObject => {
  if (/ENCRYPTED/.test(pem)) {
    throw unfit(path, `The key ${path} is encrypted, and the agent cannot ask for a passphrase: openssl pkey writes one without.`);
  }
  try {
    return createPrivateKey(pem);
  } catch (cause) {
    throw unfit(path, `${path} holds no private key in PEM form.`, cause);
  }
};

/**
 * Loads and checks a certificate and its key.
 *
 * @throws WardError `credential-missing`: a file is not there, cannot be read, is open to others, or the two do not belong
 * together; `credential-expired`: outside its validity, with the time and what to do
 */
export const loadCert = (paths: CertPaths): CertCredential => {
  const certPem = readRegular('client certificate', paths.cert, false);
  const certificate = parseCertificate(paths.cert, certPem);
  const keyPem = readRegular('key', paths.key, true);
  if (!certificate.checkPrivateKey(parseKey(paths.key, keyPem))) {
    throw unfit(paths.key, `The key ${paths.key} does not belong to the certificate ${paths.cert}.`);
  }
  if (!(certificate.keyUsage ?? []).includes(clientAuth)) {
    throw unfit(paths.cert, `The certificate ${paths.cert} is not for clients (extended key usage clientAuth).`);
  }
  if (isOfServer(certificate)) throw unfit(paths.cert, `The certificate ${paths.cert} is that of a compile server, which may run no jobs.`);
  const expires = Date.parse(certificate.validTo);
  const begins = Date.parse(certificate.validFrom);
  if (expires <= Date.now()) {
    throw new WardError(
      'credential-expired',
      `The certificate ${paths.cert} expired at ${new Date(expires).toISOString()}; ask your CA for a new one.`,
      { at: paths.cert },
    );
  }
  if (begins > Date.now()) {
    throw new WardError(
      'credential-expired',
      `The certificate ${paths.cert} is not valid before ${new Date(begins).toISOString()}; check the clock of this machine.`,
      { at: paths.cert },
    );
  }
  const fingerprint = certificate.fingerprint256.replaceAll(':', '').toLowerCase();
  return { mechanism: 'cert', paths, certPem, keyPem, expires, fingerprint };
};
