/**
 * One connection to one server over SSH: `ssh -s` to the subsystem `wardcc`, and the same WebSocket, handshake and channel on its
 * standard input and output as over TLS.
 *
 * Who the server is, ssh has verified by its host key; who we are, the server's sshd tells it. What ssh is, comes from the system and not
 * from PATH.
 *
 * @module
 */
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { existsSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { openWebSocket, receiveWelcome } from '../../link/web-socket.ts';
import { toWardError, WardError } from '../../protocol/errors.ts';
import { clientHandshake } from '../../protocol/handshake.ts';
import { ChildDuplex } from './child-duplex.ts';
import { connected, isNear, type Connection } from './connect.ts';
import { named } from './failure.ts';
import type { SshHost } from './hosts.ts';
import { sshArguments, type SshConfig } from './ssh-command.ts';
import { sshError } from './ssh-errors.ts';

export interface SshOptions {
  readonly host: SshHost;
  readonly ssh: SshConfig;
  /** Of the job: SSH_AUTH_SOCK and KRB5CCNAME choose credentials. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
}

const program = '/usr/bin/ssh';
const connectMs = 10_000;
/** What ssh says to a terminal is kept this far. */
const maxSaid = 16 * 1024;
/** How long a connection that ended may take to say why. */
const lastWordsMs = 500;

const handedOn = ['HOME', 'USER', 'LOGNAME'] as const;
const chosen = ['SSH_AUTH_SOCK', 'KRB5CCNAME', 'KRB5_CONFIG'] as const;

const environment = (env: SshOptions['env']): NodeJS.ProcessEnv => ({
  PATH: '/usr/bin:/bin',
  LC_ALL: 'C',
  ...Object.fromEntries(handedOn.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]]))),
  ...Object.fromEntries(chosen.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]]))),
});

/** Children that must not outlive this process. */
const living = new Set<ChildProcessWithoutNullStreams>();
process.once('exit', () => {
  for (const child of living) child.kill();
});

interface Running {
  readonly duplex: ChildDuplex;
  /** What ssh and the other side have said to people, once ssh has ended or had a moment to. */
  lastWords(): Promise<string>;
}

const start = ({ host, ssh, env }: SshOptions): Running => {
  if (!existsSync(program)) {
    const sentence = `Servers written ssh:// need the program ${program} (Debian: openssh-client).`;
    throw new WardError('config-invalid', sentence, { at: host.name });
  }
  const child = spawn(program, sshArguments(host, ssh, connectMs), { env: environment(env), cwd: '/', stdio: ['pipe', 'pipe', 'pipe'] });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    if (said.length < maxSaid) said += text;
  });
  living.add(child);
  const ended = new Promise<void>((resolve) => {
    child.once('error', () => resolve());
    child.once('close', () => resolve());
  });
  void ended.then(() => living.delete(child));
  const duplex = new ChildDuplex(child);
  duplex.once('close', () => child.kill());
  return {
    duplex,
    lastWords: async () => {
      // A helper of ssh's own may keep its standard error open for longer than ssh lives.
      await Promise.race([ended, pause(lastWordsMs, undefined, { ref: false })]);
      child.kill();
      // What is no answer of a WebSocket server was meant for people: our bridge's complaint, or another program's greeting.
      return duplex.beginning.startsWith('HTTP/') ? said : `${said}\n${duplex.beginning}`;
    },
  };
};

/**
 * Connects through ssh, authenticates both sides and waits for `welcome`.
 *
 * @throws WardError what ssh, the server's sshd or the server refused; `at` names the server
 */
export const connectSsh = async (options: SshOptions): Promise<Connection> => {
  const { host, signal } = options;
  try {
    const ssh = start(options);
    const abort = (): void => void ssh.duplex.destroy(new Error('it does not answer'));
    signal.addEventListener('abort', abort, { once: true });
    try {
      const transport = await openWebSocket(ssh.duplex, host, 'wardcc', signal).catch(async () => {
        const silent = signal.aborted ? 'it does not answer' : 'what answers there is not wardcc';
        throw sshError(host, await ssh.lastWords(), silent);
      });
      const channel = await clientHandshake(transport, {
        authenticator: { mechanism: 'ssh', target: host.host }, exporter: () => undefined,
      });
      return connected(channel, await receiveWelcome(channel, signal), host.host === 'localhost' || isNear({ remoteAddress: host.host }));
    } catch (thrown) {
      ssh.duplex.destroy();
      throw thrown;
    } finally {
      signal.removeEventListener('abort', abort);
    }
  } catch (thrown) {
    throw named(toWardError(thrown), host.name);
  }
};
