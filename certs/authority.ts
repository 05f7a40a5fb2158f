/**
 * The small certificate authority: one P-256 root in a directory of mode 0700, which issues server and user certificates,
 * revokes them and writes the revocation list. Meant for farms without a corporate PKI, for development and for tests.
 * `ca.pem` certificate, `ca.key` private key, `crl.pem` current list, `index.jsonl` what was done, `ca.json` its constraints.
 *
 * @module
 */

import { createHash, createPublicKey, randomBytes, X509Certificate } from 'node:crypto';
import { existsSync, lstatSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { WardError } from '../protocol/errors.ts';
import { signCertificate, signCrl, type RevocationReason, type Signer } from './certificate.ts';
import { checkConstraints, type NameConstraints } from './constraints.ts';
import { readDatabase, writeDatabase, type CrlRecord, type IssuedRecord, type RevokedRecord } from './database.ts';
import { basicConstraintsCa, authorityKeyIdentifier, keyUsageCa, nameConstraints, subjectKeyIdentifier } from './extensions.ts';
import { readText, withLock, writeAtomically } from './files.ts';
import { encryptedKeyPem, generateKey, openKey, plainKeyPem } from './keys.ts';
import { serverProfile, userProfile, type Profile, type UserNames } from './profile.ts';
import { requestKey } from './request.ts';

const day = 86_400_000;
/** Clocks differ: what is issued now must be valid on a machine that is a little behind. */
const backdate = 300_000;

export interface AuthorityOptions {
  /** Common name of the root. */
  readonly name?: string;
  /** Encrypts the root key. Left out only with `dev`. */
  readonly passphrase?: string;
  /** A throwaway CA: the key is not encrypted, and names are constrained to this machine unless `permit` says otherwise. */
  readonly dev?: boolean;
  readonly permit?: NameConstraints;
  /** Life of the root; 3650 days by default. */
  readonly days?: number;
}

export interface Validity {
  /** Life in days; 365 by default for certificates, 30 for revocation lists. Never beyond the root's own end. */
  readonly days?: number;
  readonly notBefore?: Date;
  readonly notAfter?: Date;
}

export interface Issued {
  readonly certPem: string;
  /** Certificate, then the CA's. */
  readonly chainPem: string;
  /** 32 hexadecimal digits. */
  readonly serial: string;
  readonly notAfter: Date;
}

export interface IssuedWithKey extends Issued {
  readonly keyPem: string;
}

export type RequestNames = { readonly server: readonly string[] } | ({ readonly user: string } & UserNames);

export interface ListEntry extends Omit<IssuedRecord, 'type'> {
  readonly status: 'valid' | 'expired' | 'revoked';
  readonly revokedAt?: string;
  readonly reason?: RevocationReason;
}

export interface Authority {
  readonly directory: string;
  readonly caPem: string;
  issueServer(hosts: readonly string[], validity?: Validity): Promise<IssuedWithKey>;
  issueUser(user: string, options?: UserNames & Validity): Promise<IssuedWithKey>;
  /** Certifies the key of a signing request; the names are the caller's decision, never the request's. */
  signRequest(csrPem: string, names: RequestNames, validity?: Validity): Promise<Issued>;
  /** By serial number, or by the certificate itself. The list changes only with `writeCrl`. */
  revoke(what: string | X509Certificate, reason?: RevocationReason): Promise<ListEntry>;
  /** Writes `crl.pem` and returns its text. */
  writeCrl(validity?: Validity): Promise<string>;
  list(): ListEntry[];
}

const devConstraints: NameConstraints = Object.freeze({ dns: ['localhost', 'test'], ip: ['127.0.0.0/8', '::1/128'] });

const toSerial = (certificate: X509Certificate): string => certificate.serialNumber.toLowerCase().padStart(32, '0');

/** 128 bits, the first of them 0 (the integer stays positive in 16 bytes) and the second 1 (it always has 16). */
const freshSerial = (): Buffer => {
  const serial = randomBytes(16);
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40;
  return serial;
};

const list = (directory: string): ListEntry[] => {
  const records = readDatabase(directory);
  const revoked = new Map<string, RevokedRecord>();
  for (const record of records) if (record.type === 'revoked') revoked.set(record.serial, record);
  return records.filter((record) => record.type === 'issued').map(({ type: _, ...record }): ListEntry => {
    const revocation = revoked.get(record.serial);
    if (revocation !== undefined) return { ...record, status: 'revoked', revokedAt: revocation.at, reason: revocation.reason };
    return { ...record, status: Date.parse(record.notAfter) < Date.now() ? 'expired' : 'valid' };
  });
};

class DirectoryAuthority implements Authority {
  readonly directory: string;
  readonly caPem: string;
  readonly #root: X509Certificate;
  readonly #signer: Signer;
  readonly #permit: NameConstraints;

  constructor(directory: string, caPem: string, signer: Signer, permit: NameConstraints) {
    this.directory = directory;
    this.caPem = caPem;
    this.#root = new X509Certificate(caPem);
    this.#signer = signer;
    this.#permit = permit;
  }

  #window({ days = 365, notBefore, notAfter }: Validity): { notBefore: Date; notAfter: Date } {
    const end = notAfter ?? new Date(Date.now() + days * day);
    const last = new Date(this.#root.validTo);
    return { notBefore: notBefore ?? new Date(Math.min(Date.now(), end.getTime()) - backdate), notAfter: end < last ? end : last };
  }

  async #certify(spki: Buffer, profile: Profile, validity: Validity): Promise<Issued> {
    const serial = freshSerial();
    const { notBefore, notAfter } = this.#window(validity);
    const extensions = [...profile.extensions, subjectKeyIdentifier(spki), authorityKeyIdentifier(this.#signer.spki)];
    const certPem = signCertificate({ serial, subject: profile.subject, notBefore, notAfter, spki, extensions }, this.#signer);
    const record: IssuedRecord = {
      type: 'issued', at: new Date().toISOString(), serial: serial.toString('hex'), kind: profile.kind, name: profile.name,
      notBefore: notBefore.toISOString(), notAfter: notAfter.toISOString(),
      fingerprint: createHash('sha256').update(new X509Certificate(certPem).raw).digest('hex'),
    };
    // Recorded before it is handed out: a certificate that nobody knows of could never be revoked.
    await withLock(this.directory, () => writeDatabase(this.directory, [...readDatabase(this.directory), record]));
    return { certPem, chainPem: certPem + this.caPem, serial: record.serial, notAfter };
  }

  async #withFreshKey(profile: Profile, validity: Validity): Promise<IssuedWithKey> {
    const { key, spki } = generateKey();
    return { ...(await this.#certify(spki, profile, validity)), keyPem: plainKeyPem(key) };
  }

  async issueServer(hosts: readonly string[], validity: Validity = {}): Promise<IssuedWithKey> {
    return this.#withFreshKey(serverProfile(hosts, this.#permit), validity);
  }

  async issueUser(user: string, options: UserNames & Validity = {}): Promise<IssuedWithKey> {
    return this.#withFreshKey(userProfile(user, options, this.#permit), options);
  }

  async signRequest(csrPem: string, names: RequestNames, validity: Validity = {}): Promise<Issued> {
    const profile = 'server' in names ? serverProfile(names.server, this.#permit) : userProfile(names.user, names, this.#permit);
    return this.#certify(requestKey(csrPem), profile, validity);
  }

  async revoke(what: string | X509Certificate, reason: RevocationReason = 'unspecified'): Promise<ListEntry> {
    if (typeof what !== 'string' && !(what.checkIssued(this.#root) && what.verify(this.#root.publicKey))) {
      throw new WardError('certs-refused', 'This certificate was not issued by this CA.');
    }
    const serial = typeof what === 'string' ? what.toLowerCase().replaceAll(':', '') : toSerial(what);
    return withLock(this.directory, () => {
      const entry = list(this.directory).find((candidate) => candidate.serial === serial);
      if (entry === undefined) throw new WardError('certs-refused', `This CA has issued no certificate with serial number ${serial}.`);
      if (entry.status === 'revoked') {
        throw new WardError(
          'certs-refused',
          `Certificate ${serial} (${entry.kind} ${entry.name}) was revoked already at ${entry.revokedAt}.`,
        );
      }
      const at = new Date().toISOString();
      writeDatabase(this.directory, [...readDatabase(this.directory), { type: 'revoked', at, serial, reason }]);
      return { ...entry, status: 'revoked', revokedAt: at, reason };
    });
  }

  async writeCrl(validity: Validity = {}): Promise<string> {
    return withLock(this.directory, () => {
      const records = readDatabase(this.directory);
      const { notBefore, notAfter } = this.#window({ days: 30, ...validity });
      const number = 1 + Math.max(0, ...records.filter((record) => record.type === 'crl').map((record) => record.number));
      const revoked = records.filter((record) => record.type === 'revoked')
        .map(({ serial, at, reason }) => ({ serial, at: new Date(at), reason }));
      const pem = signCrl({ number, thisUpdate: notBefore, nextUpdate: notAfter, revoked }, this.#signer);
      const record: CrlRecord = { type: 'crl', at: new Date().toISOString(), number, nextUpdate: notAfter.toISOString() };
      writeDatabase(this.directory, [...records, record]);
      writeAtomically(join(this.directory, 'crl.pem'), pem, { mode: 0o644 });
      return pem;
    });
  }

  list(): ListEntry[] {
    return list(this.directory);
  }
}

const prepareDirectory = (directory: string): void => {
  try {
    mkdirSync(directory, { mode: 0o700 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EEXIST') {
      throw new WardError('certs-refused', `The directory ${directory} cannot be made (${code ?? 'error'}).`, { cause: error });
    }
    const found = lstatSync(directory);
    if (!found.isDirectory()) throw new WardError('certs-refused', `${directory} is not a directory.`);
    if (readdirSync(directory).length > 0) {
      throw new WardError('certs-refused', `${directory} is not empty; a CA starts in a directory of its own.`);
    }
    if ((found.mode & 0o077) !== 0 || found.uid !== process.getuid?.()) {
      throw new WardError('certs-refused', `${directory} must be yours and closed to others (mode 0700) before a CA key is put there.`);
    }
  }
};

/**
 * Makes a CA in a new or empty directory, with an empty revocation list.
 *
 * @throws WardError `certs-refused`: the directory is in use or open to others, or there is no passphrase and it is no `dev` CA
 */
export const initAuthority = async (directory: string, options: AuthorityOptions = {}): Promise<Authority> => {
  const { name = 'wardcc CA', passphrase, dev = false, days = 3650 } = options;
  if (!dev && (passphrase === undefined || passphrase === '')) {
    throw new WardError('certs-refused', 'The key of a CA is encrypted: give a passphrase. Only --dev goes without.');
  }
  const permit = options.permit ?? (dev ? devConstraints : {});
  checkConstraints(permit);
  prepareDirectory(directory);
  const { key, spki } = generateKey();
  const signer: Signer = { name, spki, key };
  const constraints = Object.values(permit).some((entries) => entries !== undefined) ? [nameConstraints(permit)] : [];
  const caPem = signCertificate({
    serial: freshSerial(), subject: name, notBefore: new Date(Date.now() - backdate), notAfter: new Date(Date.now() + days * day), spki,
    extensions: [basicConstraintsCa(), keyUsageCa(), ...constraints, subjectKeyIdentifier(spki)],
  }, signer);
  const keyPem = passphrase === undefined ? plainKeyPem(key) : encryptedKeyPem(key, passphrase);
  writeAtomically(join(directory, 'ca.key'), keyPem, { exclusive: true });
  writeAtomically(join(directory, 'ca.json'), `${JSON.stringify({ name, permit }, undefined, 2)}\n`);
  writeAtomically(join(directory, 'index.jsonl'), '');
  writeAtomically(join(directory, 'ca.pem'), caPem, { mode: 0o644 });
  const authority = new DirectoryAuthority(directory, caPem, signer, permit);
  await authority.writeCrl();
  return authority;
};

const readSettings = (path: string): { name: string; permit: NameConstraints } => {
  try {
    const { name, permit } = JSON.parse(readText(path)) as { name: string; permit: NameConstraints };
    checkConstraints(permit);
    return { name: String(name), permit };
  } catch (cause) {
    throw new WardError('certs-refused', `${path} is damaged; restore it from a backup.`, { cause });
  }
};

/**
 * Opens a CA.
 *
 * @throws WardError `certs-refused`: no CA there, its directory or key open to others, or the passphrase missing or wrong
 */
export const openAuthority = async (directory: string, passphrase?: string): Promise<Authority> => {
  const keyPath = join(directory, 'ca.key');
  if (!existsSync(keyPath) || !existsSync(join(directory, 'ca.pem'))) {
    throw new WardError('certs-refused', `${directory} holds no CA; wardctl certs init makes one.`);
  }
  if ((lstatSync(keyPath).mode & 0o077) !== 0) {
    throw new WardError('certs-refused', `${keyPath} is open to others: chmod 600, and think about who may have read it.`);
  }
  const caPem = readText(join(directory, 'ca.pem'));
  const { name, permit } = readSettings(join(directory, 'ca.json'));
  const key = openKey(readText(keyPath), passphrase, keyPath);
  const spki = createPublicKey(key).export({ type: 'spki', format: 'der' });
  if (!new X509Certificate(caPem).checkPrivateKey(key)) {
    throw new WardError('certs-refused', `${keyPath} is not the key of the certificate beside it.`);
  }
  return new DirectoryAuthority(directory, caPem, { name, spki, key }, permit);
};

/** The issued certificates of a CA, without opening its key. */
export const listIssued = list;
