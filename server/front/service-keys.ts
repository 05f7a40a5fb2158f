/**
 * The Kerberos service that this server is: its name, its keys from the keytab, and the acceptor that they make. A keytab that
 * changes on disk is taken whole or not at all.
 *
 * What always holds: one named principal, AES keys only, and a replay cache on disk that no configuration can switch off.
 *
 * @module
 */
import { statSync, writeFileSync } from 'node:fs';
import { cleanText } from '../../protocol/alert.ts';
import { WardError } from '../../protocol/errors.ts';
import { stampOf } from '../../toolchain/stamp.ts';
import type { Krb5Config, ServerConfig } from '../config.ts';
import { native, type GssAcceptor, type GssAccepted, type GssError } from '../native/load.ts';
import { needsOtherKey } from './krb5-errors.ts';

const invalid = (file: string, sentence: string, cause?: unknown): WardError =>
  new WardError('config-invalid', sentence, { at: file, cause });

const octal = (mode: number): string => (mode & 0o777).toString(8).padStart(4, '0');

/** @throws WardError `config-invalid` unless the file is regular, ours or root's, and closed to everybody else */
const checkFile = (file: string): void => {
  let status;
  try {
    status = statSync(file);
  } catch (cause) {
    throw invalid(file, `The keytab ${file} cannot be read (${(cause as NodeJS.ErrnoException).code}).`, cause);
  }
  if (!status.isFile()) throw invalid(file, `The keytab ${file} is not a regular file.`);
  if (status.uid !== process.geteuid?.() && status.uid !== 0) {
    throw invalid(file, `The keytab ${file} belongs to another user (uid ${status.uid}).`);
  }
  if ((status.mode & 0o077) !== 0) {
    const advice = 'chmod 600, and give the service new keys if somebody may have read it';
    throw invalid(file, `The keytab ${file} is open to others (mode ${octal(status.mode)}): ${advice}.`);
  }
};

const reading = <T>(file: string, read: () => T): T => {
  try {
    return read();
  } catch (cause) {
    throw invalid(file, `The keytab ${file} cannot be used: ${cleanText((cause as Error).message, 200)}.`, cause);
  }
};

/** The whole principal of a service that may be written without its realm. */
const principalIn = (file: string, service: string): string => {
  const names = [...new Set(reading(file, () => native().keytabPrincipals(file)))];
  const found = service.includes('@') ? names.filter((name) => name === service) : names.filter((name) => name.startsWith(`${service}@`));
  if (found.length === 1) return found[0]!;
  if (found.length > 1) {
    const sentence = `The keytab ${file} has ${service} in several realms: say in server.jsonc which of ${found.join(', ')} is meant.`;
    throw invalid(file, sentence);
  }
  const has = names.length === 0 ? 'nothing' : names.slice(0, 5).map((name) => cleanText(name, 200)).join(', ');
  throw invalid(file, `The keytab ${file} has no keys of ${service}; it has those of ${has}.`);
};

interface Keys {
  readonly principal: string;
  readonly acceptor: GssAcceptor;
  /** Names of the keys. */
  readonly names: ReadonlySet<string>;
  readonly refused: number;
}

export class ServiceKeys {
  readonly #config: Krb5Config;
  readonly #replayCache: string;
  /** Of the file as it was when its keys were last read, well or not. */
  #stamp = '';
  #current: Keys;

  /**
   * @param replayCache file that remembers tokens
   * @throws WardError `config-invalid`: without good keys there is no Kerberos
   */
  constructor(config: Krb5Config, replayCache: string) {
    this.#config = config;
    this.#replayCache = `file2:${replayCache}`;
    this.#current = this.#read();
  }

  /** Whose keys these are: `wardcc/build1.corp.example@CORP.EXAMPLE`. */
  get principal(): string {
    return this.#current.principal;
  }

  /** Keys of the service that are no AES keys and are not used. */
  get refused(): number {
    return this.#current.refused;
  }

  /** Reads the keytab again. @throws WardError `config-invalid` when it is broken: the keys that were good stay in force */
  reload(): void {
    this.#current = this.#read();
  }

  /** Is the key with this name still one of the service's? */
  has(name: string): boolean {
    return this.#current.names.has(name);
  }

  /**
   * Looks at a token, on a worker thread. A ticket for a key that was put into the keytab a moment ago counts already.
   * Attacker-controlled: a token that needs no known key makes the file be looked at, and be read once after each change.
   *
   * @throws GssError
   */
  async accept(token: Buffer): Promise<GssAccepted> {
    const { acceptor } = this.#current;
    try {
      return await native().gssAccept(acceptor, token);
    } catch (thrown) {
      if (!needsOtherKey(thrown as GssError)) throw thrown;
      this.#refresh();
      // Another token, or the watcher, may have brought the new keys while this one was looked at.
      if (this.#current.acceptor === acceptor) throw thrown;
      return native().gssAccept(this.#current.acceptor, token);
    }
  }

  /** Reads a keytab that has changed since. One that is broken changes nothing; the next look of the watcher says so. */
  #refresh(): void {
    try {
      if (stampOf(this.#config.keytab, statSync) !== this.#stamp) this.reload();
    } catch {
      // the keys that were good stay in force
    }
  }

  #read(): Keys {
    const { keytab, service } = this.#config;
    checkFile(keytab);
    this.#stamp = stampOf(keytab, statSync);
    const principal = principalIn(keytab, service);
    const { handle, usable, refused } = reading(keytab, () => native().gssAcceptor(keytab, principal, this.#replayCache));
    if (usable.length === 0) throw invalid(keytab, `The keytab ${keytab} has no AES key of ${principal}, and no other kind is accepted.`);
    return { principal, acceptor: handle, names: new Set(usable), refused };
  }
}

/** An environment that switches the replay cache off, by the names that MIT's library has had for it. */
const withoutReplayCache = ({ KRB5RCACHETYPE, KRB5RCACHENAME }: NodeJS.ProcessEnv): boolean =>
  KRB5RCACHETYPE === 'none' || KRB5RCACHENAME?.startsWith('none:') === true;

/** What holds whatever the machine's krb5.conf says. A ticket whose session key is weaker is refused before that key is used. */
const pinned = `[libdefaults]
  allow_weak_crypto = false
  permitted_enctypes = aes256-cts-hmac-sha1-96 aes128-cts-hmac-sha1-96 aes256-cts-hmac-sha384-192 aes128-cts-hmac-sha256-128
`;

/**
 * The keys of the configured service, or undefined where Kerberos is not configured. Sets KRB5_CONFIG of this process.
 *
 * @throws WardError `config-invalid`
 */
export const openServiceKeys = (
  { krb5, state }: Pick<ServerConfig, 'krb5' | 'state'>, env: NodeJS.ProcessEnv = process.env,
): ServiceKeys | undefined => {
  if (krb5 === undefined) return undefined;
  if (withoutReplayCache(env)) {
    const how = 'The environment switches the replay cache of Kerberos off (KRB5RCACHETYPE, KRB5RCACHENAME)';
    throw new WardError('config-invalid', `${how}, and without one no ticket is accepted.`);
  }
  const own = `${state}/front/krb5.conf`;
  writeFileSync(own, pinned, { mode: 0o600 });
  env['KRB5_CONFIG'] = `${own}:${krb5.config ?? '/etc/krb5.conf'}`;
  return new ServiceKeys(krb5, `${state}/front/replay-cache`);
};
