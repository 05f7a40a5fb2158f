/**
 * What `ssh` proves with who this user is, as far as it can be watched: the key that client.jsonc names, with its certificate, or the
 * socket of an ssh-agent. What an agent holds is not asked: it says so to nobody who waits.
 *
 * @module
 */
import { statSync } from 'node:fs';
import { WardError } from '../../protocol/errors.ts';

export interface SshCredential {
  /** The key file, or else the agent's socket; absent: ssh finds one by itself. */
  readonly identity?: string | undefined;
  readonly agent?: string | undefined;
}

export interface SshCredentialEvents {
  /** Key or agent are gone: sessions must close. Nothing follows. */
  removed(reason: WardError): void;
  /** There is another key or certificate: new connections use it. */
  replaced(): void;
}

/** How many looks in a row must fail, so that a file that is being replaced ends nothing. */
const patience = 2;

const stamp = (path: string): string | undefined => {
  try {
    const { dev, ino, size, mtimeMs, ctimeMs } = statSync(path);
    return [dev, ino, size, mtimeMs, ctimeMs].join(' ');
  } catch {
    return undefined;
  }
};

/** Names a credential among others. */
export const sshCredentialKey = ({ identity, agent }: SshCredential): string =>
  (identity === undefined ? `ssh\0agent\0${agent ?? ''}` : `ssh\0key\0${identity}`);

/**
 * Watches until the credential is removed or the returned function is called. The timer does not keep the process alive.
 *
 * @param everyMs time between two looks; a removal is reported within twice that
 */
export const watchSshCredential = ({ identity, agent }: SshCredential, events: SshCredentialEvents, everyMs = 1000): (() => void) => {
  const main = identity ?? agent;
  if (main === undefined) return () => undefined;
  const what = identity === undefined ? 'ssh-agent at' : 'SSH key';
  const look = (): string | undefined => {
    const found = stamp(main);
    if (found === undefined) return undefined;
    // An agent's socket says nothing of the keys behind it.
    return identity === undefined ? 'there' : `${found} ${stamp(`${main}-cert.pub`)}`;
  };
  let seen = look();
  let failures = 0;
  const timer = setInterval(() => {
    const now = look();
    failures = now === undefined ? failures + 1 : 0;
    if (failures >= patience) {
      clearInterval(timer);
      events.removed(new WardError('credential-missing', `The ${what} ${main} is gone.`, { at: main }));
    } else if (now !== undefined && now !== seen) {
      seen = now;
      events.replaced();
    }
  }, everyMs);
  timer.unref();
  return () => clearInterval(timer);
};
