/**
 * Watches a certificate on which sessions live. Files are looked at, not subscribed to: that also sees a replacement by
 * rename, and works on network file systems.
 *
 * @module
 */

import { statSync } from 'node:fs';
import { toWardError, type WardError } from '../../protocol/errors.ts';
import { loadCert, type CertCredential } from './cert.ts';

export interface CredentialEvents {
  /** The credential is gone or has ended: its sessions must close. Nothing follows. */
  removed(reason: WardError): void;
  /** Another good certificate lies in its place: new connections use it. */
  replaced(credential: CertCredential): void;
}

/** How many looks in a row must fail, so that a certificate and key being replaced one after the other end nothing. */
const patience = 2;

const stamp = (path: string): string => {
  try {
    const { dev, ino, size, mtimeMs, ctimeMs } = statSync(path);
    return [dev, ino, size, mtimeMs, ctimeMs].join(' ');
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'error';
  }
};

/**
 * Watches until the credential is removed or the returned function is called. The timer does not keep the process alive.
 *
 * @param everyMs time between two looks; a removal is reported within twice that
 */
export const watchCert = (credential: CertCredential, events: CredentialEvents, everyMs = 1000): (() => void) => {
  const { paths } = credential;
  const look = (): string => `${stamp(paths.cert)} ${stamp(paths.key)}`;
  let current = credential;
  let seen = '';
  let failures = 0;
  const timer = setInterval(() => {
    const now = look();
    const ended = current.expires <= Date.now();
    if (now === seen && failures === 0 && !ended) return;
    seen = now;
    try {
      const found = loadCert(paths);
      failures = 0;
      if (found.fingerprint === current.fingerprint) return;
      current = found;
      events.replaced(found);
    } catch (error) {
      failures += 1;
      if (failures < patience && !ended) return;
      clearInterval(timer);
      events.removed(toWardError(error));
    }
  }, everyMs);
  timer.unref();
  return () => clearInterval(timer);
};
