/**
 * All sessions of this user: one for each server and credential. They end when the credential's files are removed or it expires; when
 * another good certificate lies there, new jobs go over new connections and the old ones end with their last job.
 *
 * @module
 */
import { WardError } from '../../protocol/errors.ts';
import type { ClientConfig } from '../config.ts';
import { loadCert, type CertCredential, type CertPaths } from '../credentials/cert.ts';
import { watchCert } from '../credentials/watch.ts';
import { connectSsh } from './connect-ssh.ts';
import { connectTls, type Connection } from './connect.ts';
import type { Host } from './hosts.ts';
import { Session } from './session.ts';

interface Watched {
  credential: CertCredential;
  readonly stop: () => void;
}

interface Kept {
  readonly session: Session;
  /** Files of the credential that it was opened with. */
  readonly paths: string;
}

const keyOf = (paths: CertPaths): string => `${paths.cert}\0${paths.key}`;

export class Sessions {
  readonly #sessions = new Map<string, Kept>();
  readonly #credentials = new Map<string, Watched>();

  /** The session with a server under a configuration; made on first use, connected when it is needed. */
  get(host: Host, config: ClientConfig): Session {
    const paths = keyOf(config.credentials);
    const key = host.kind === 'ssh'
      ? [host.name, JSON.stringify(config.ssh), ...Object.entries(config.environment).flat()].join('\0')
      : [host.name, paths, config.trust.ca, config.trust.crl, ...config.trust.servers].join('\0');
    const kept = this.#sessions.get(key);
    if (kept !== undefined) return kept.session;
    const session = new Session(host, (signal) => this.#connect(host, config, signal));
    this.#sessions.set(key, { session, paths: host.kind === 'ssh' ? '' : paths });
    return session;
  }

  close(): void {
    for (const { session } of this.#sessions.values()) session.close();
    for (const { stop } of this.#credentials.values()) stop();
    this.#sessions.clear();
    this.#credentials.clear();
  }

  async #connect(host: Host, config: ClientConfig, signal: AbortSignal): Promise<Connection> {
    if (host.kind === 'ssh') {
      if (config.mechanisms.includes('ssh')) return connectSsh({ host, ssh: config.ssh, env: config.environment, signal });
      const sentence = `client.jsonc permits ${config.mechanisms.join(', ')}, and ${host.name} is reached over SSH.`;
      throw new WardError('mechanism-not-permitted', sentence, { at: host.name });
    }
    if (!config.mechanisms.includes('cert')) {
      const sentence = `client.jsonc permits ${config.mechanisms.join(', ')}; this client authenticates over TLS by cert only.`;
      throw new WardError('mechanism-not-permitted', sentence, { at: host.name });
    }
    const credential = this.#credential(config.credentials);
    return connectTls({ host, trust: config.trust, credential, signal });
  }

  /** The credential in these files, watched from now on. */
  #credential(paths: CertPaths): CertCredential {
    const key = keyOf(paths);
    const watched = this.#credentials.get(key);
    if (watched !== undefined) return watched.credential;
    const credential = loadCert(paths);
    const entry: Watched = {
      credential,
      stop: watchCert(credential, {
        removed: (reason) => {
          this.#credentials.delete(key);
          this.#endAll(key, (session) => session.close(reason));
        },
        replaced: (replacement) => {
          entry.credential = replacement;
          this.#endAll(key, (session) => session.retire());
        },
      }),
    };
    this.#credentials.set(key, entry);
    return credential;
  }

  #endAll(paths: string, end: (session: Session) => void): void {
    for (const [key, kept] of this.#sessions) {
      if (kept.paths !== paths) continue;
      this.#sessions.delete(key);
      end(kept.session);
    }
  }
}
