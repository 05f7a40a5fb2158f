/**
 * What the bridge tells the front before it carries anybody's bytes: `WSB1`, a length, JSON. The front believes it because the kernel
 * says that the bridge's account is at the other end of the socket; nothing in it comes from the client, but for what sshd verified.
 *
 * @module
 */
import type { Socket } from 'node:net';
import { WardError } from '../../protocol/errors.ts';

/** One authentication method that sshd completed: `publickey` with the key or certificate, `gssapi-with-mic` with the name. */
export interface VerifiedMethod {
  readonly method: string;
  /** As sshd wrote it; empty where the method has nothing to say, such as `password`. */
  readonly value: string;
}

/** What sshd verified about one connection. */
export interface SshLogin {
  /** Address of the client, as sshd saw it. */
  readonly address: string;
  /** In the order in which they were completed. */
  readonly methods: readonly VerifiedMethod[];
}

const magic = 'WSB1';
const headerBytes = 8;
/** An OpenSSH certificate has a few KiB; with many principals some more. */
export const maxPrefaceBytes = 128 * 1024;

export const encodePreface = (login: SshLogin): Buffer => {
  const body = Buffer.from(JSON.stringify(login));
  if (body.length > maxPrefaceBytes) throw new WardError('ssh-refused', 'What sshd verified is too long to be told.');
  const header = Buffer.alloc(headerBytes);
  header.write(magic, 'latin1');
  header.writeUInt32BE(body.length, 4);
  return Buffer.concat([header, body]);
};

const invalid = (): WardError => new WardError('protocol-violation', 'What connected to the socket of the SSH bridge is not the bridge.');

const isText = (value: unknown, maximum: number): value is string => typeof value === 'string' && value.length <= maximum;

const isMethod = (value: unknown): value is VerifiedMethod => {
  const { method, value: text } = (value ?? {}) as Partial<VerifiedMethod>;
  return isText(method, 64) && isText(text, maxPrefaceBytes);
};

const decode = (body: Buffer): SshLogin => {
  let login: Partial<SshLogin> | null;
  try {
    login = JSON.parse(body.toString('utf8'));
  } catch {
    throw invalid();
  }
  const { address, methods } = login ?? {};
  if (!isText(address, 64) || !Array.isArray(methods) || methods.length > 16 || !methods.every(isMethod)) throw invalid();
  return { address, methods: methods.map(({ method, value }) => ({ method, value })) };
};

/**
 * Reads the preface from a paused socket and leaves every byte after it there.
 *
 * @throws WardError `protocol-violation`, `handshake-timeout`
 */
export const readPreface = (socket: Socket, timeoutMs: number): Promise<SshLogin> =>
  new Promise((resolve, reject) => {
    let length: number | undefined;
    const finish = (error?: WardError): void => {
      clearTimeout(timer);
      socket.off('readable', look).off('end', ended).off('error', ended).off('close', ended);
      if (error !== undefined) reject(error);
    };
    const ended = (): void => finish(invalid());
    const look = (): void => {
      if (length === undefined) {
        const header = socket.read(headerBytes) as Buffer | null;
        if (header === null) return;
        // A stream that has ended gives what there is, however little.
        if (header.length < headerBytes || header.toString('latin1', 0, 4) !== magic) return ended();
        length = header.readUInt32BE(4);
        if (length === 0 || length > maxPrefaceBytes) return ended();
      }
      const body = socket.read(length) as Buffer | null;
      if (body === null) return;
      if (body.length < length) return ended();
      finish();
      try {
        resolve(decode(body));
      } catch (thrown) {
        reject(thrown as WardError);
      }
    };
    const late = (): void => finish(new WardError('handshake-timeout', 'The SSH bridge did not say in time whom it brings.'));
    const timer = setTimeout(late, timeoutMs);
    socket.on('readable', look).once('end', ended).once('error', ended).once('close', ended);
    look();
  });
