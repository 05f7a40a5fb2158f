/**
 * The socket of the SSH bridges: no TLS, because sshd has encrypted and authenticated below it.
 *
 * What always holds here: the kernel says who connected, and only the account of the bridge is read at all; anybody else who can reach
 * the socket is cut off before a byte of theirs was looked at. So nobody can claim a name by speaking to the front directly.
 *
 * @module
 */
import { chmodSync, rmSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type Server, type Socket } from 'node:net';
import type { WebSocket } from 'ws';
import { limits } from '../../protocol/limits.ts';
import { toWardError } from '../../protocol/errors.ts';
import { peerUid } from '../native/peer-uid.ts';
import { readPreface, type SshLogin } from '../ssh-bridge/preface.ts';
import { ConnectionLimits } from './connection-limits.ts';
import { answerUpgrades, httpLimits } from './upgrade.ts';

export interface SshListenerOptions {
  /** Where the socket lies. */
  readonly path: string;
  /** The account under which sshd starts the bridges. */
  readonly bridgeUid: number;
  readonly connections: { readonly total: number; readonly perAddress: number };
}

export interface SshListenerEvents {
  /** A WebSocket is open on a connection that the bridge brought. */
  connection(socket: WebSocket, login: SshLogin): void;
  /** Counted, never logged one by one. */
  refused(address: string, why: string): void;
}

/** Address under which local processes are counted that are not the bridge. */
const local = 'ssh.sock';


export class SshListener {
  readonly #options: SshListenerOptions;
  readonly #events: SshListenerEvents;
  readonly #limits: ConnectionLimits;
  readonly #logins = new WeakMap<Socket, SshLogin>();
  readonly #http = createHttpServer(httpLimits);
  readonly #server: Server;

  constructor(options: SshListenerOptions, events: SshListenerEvents) {
    this.#options = options;
    this.#events = events;
    this.#limits = new ConnectionLimits(options.connections);
    this.#server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => void this.#accept(socket));
    answerUpgrades<Socket>(this.#http, {
      opened: (webSocket, socket) => events.connection(webSocket, this.#loginOf(socket)),
      refused: (socket, why) => events.refused(this.#loginOf(socket).address, why),
    });
  }

  async listen(): Promise<void> {
    const { path, bridgeUid } = this.#options;
    rmSync(path, { force: true });
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ path }, resolve);
    });
    // Another account must be able to connect; who it is decides whether it is heard.
    if (bridgeUid !== process.geteuid?.()) chmodSync(path, 0o666);
  }

  close(): void {
    this.#server.close();
    this.#http.closeAllConnections();
  }

  async #accept(socket: Socket): Promise<void> {
    socket.on('error', () => socket.destroy());
    if (peerUid(socket) !== this.#options.bridgeUid) {
      this.#events.refused(local, 'not the account of the SSH bridge');
      socket.destroy();
      return;
    }
    try {
      const login = await readPreface(socket, limits.handshakeMs);
      const leave = this.#limits.enter(login.address);
      if (leave === undefined) {
        this.#events.refused(login.address, 'too many connections');
        socket.destroy();
        return;
      }
      socket.once('close', leave);
      this.#logins.set(socket, login);
      this.#http.emit('connection', socket);
      socket.resume();
    } catch (thrown) {
      this.#events.refused(local, toWardError(thrown).code);
      socket.destroy();
    }
  }

  #loginOf(socket: Socket): SshLogin {
    return this.#logins.get(socket)!;
  }
}
