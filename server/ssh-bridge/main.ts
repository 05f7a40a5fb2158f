/**
 * `wardccd ssh-subsystem`: what sshd starts for each connection, under one service account.
 *
 *  1. read what sshd verified
 *  2. connect to the front's socket and say it
 *  3. carry bytes both ways until both sides have ended
 *
 * It knows neither WebSocket nor frames, takes nothing from the client as a fact, and needs no configuration but the path of the socket.
 *
 * @module
 */
import { connect, type Socket } from 'node:net';
import { isAbsolute } from 'node:path';
import { parseArgs } from 'node:util';
import { toWardError, WardError } from '../../protocol/errors.ts';
import { readAuthInfo } from './auth-info.ts';
import { encodePreface, type SshLogin } from './preface.ts';
import { splice } from './splice.ts';

export const defaultSocket = '/run/wardcc/front/ssh.sock';

/** The address in SSH_CONNECTION: `client port server port`. For the log only. */
const clientAddress = (connection: string | undefined): string => {
  const [address = ''] = (connection ?? '').split(' ');
  return /^[0-9A-Fa-f.:%a-z]{1,64}$/.test(address) ? address : 'ssh';
};

const connectFront = (path: string): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = connect({ path, allowHalfOpen: true });
    const sentence = 'The compile server on this machine does not run, or does not take SSH connections.';
    const fail = (cause: Error): void => reject(new WardError('connect-failed', sentence, { cause }));
    socket.once('error', fail);
    socket.once('connect', () => {
      socket.off('error', fail);
      resolve(socket);
    });
  });

const bridge = async (path: string): Promise<void> => {
  if (!isAbsolute(path)) throw new WardError('usage', 'The socket of the front is an absolute path.');
  const methods = readAuthInfo(process.env['SSH_USER_AUTH']);
  const login: SshLogin = { address: clientAddress(process.env['SSH_CONNECTION']), methods };
  const front = await connectFront(path);
  front.write(encodePreface(login));
  await splice({ input: process.stdin, output: process.stdout }, front);
};

/**
 * Runs to the end of the connection. Returns the exit status. A failure is one line on standard output, where the client looks for it:
 * sshd does not hand on what a subsystem writes to standard error.
 */
export const runBridge = async (args: readonly string[]): Promise<number> => {
  process.title = 'wardccd: ssh';
  try {
    const { values } = parseArgs({ args: [...args], options: { socket: { type: 'string', default: defaultSocket } }, strict: true });
    await bridge(values.socket);
    return 0;
  } catch (thrown) {
    const isUsage = (thrown as NodeJS.ErrnoException).code?.startsWith('ERR_PARSE_ARGS') === true;
    const error = isUsage ? new WardError('usage', (thrown as Error).message) : toWardError(thrown);
    const line = `wardccd: [${error.code}] ${error.message}\n`;
    process.stdout.write(line);
    process.stderr.write(line);
    return 1;
  }
};
