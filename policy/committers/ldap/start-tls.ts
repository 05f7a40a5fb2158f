/**
 * LDAP's StartTLS (RFC 4511 section 4.14), by hand: what comes before the encryption is exactly one answer, and not a byte of it is ever
 * seen by the part that understands LDAP.
 *
 * @module
 */
import type { Socket } from 'node:net';

/** LDAPMessage 1: ExtendedRequest with the OID of StartTLS. */
const request = Buffer.concat([Buffer.from('301d02010177188016', 'hex'), Buffer.from('1.3.6.1.4.1.1466.20037')]);

const longestAnswer = 4096;

interface Element {
  readonly tag: number;
  readonly content: Buffer;
  readonly rest: Buffer;
}

/** Attacker-controlled. The first BER element; undefined while it is not whole. */
const element = (bytes: Buffer): Element | undefined => {
  const [tag, first] = bytes;
  if (tag === undefined || first === undefined) return undefined;
  let start = 2;
  let length = first;
  if (first >= 0x80) {
    const count = first & 0x7f;
    if (count === 0 || count > 4) throw new Error('an answer that is not BER');
    if (bytes.length < 2 + count) return undefined;
    length = bytes.readUIntBE(2, count);
    start += count;
  }
  if (length > longestAnswer) throw new Error('an answer that is too long');
  if (bytes.length < start + length) return undefined;
  return { tag, content: bytes.subarray(start, start + length), rest: bytes.subarray(start + length) };
};

const part = (bytes: Buffer, tag: number): Element => {
  const found = element(bytes);
  if (found?.tag !== tag) throw new Error('an answer that is no answer to StartTLS');
  return found;
};

/** Attacker-controlled. Is the answer whole? @throws Error when it is anything but "yes, begin" and nothing behind it */
export const readAnswer = (bytes: Buffer): boolean => {
  const message = element(bytes);
  if (message === undefined) return false;
  if (message.tag !== 0x30 || message.rest.length > 0) throw new Error('more than an answer to StartTLS');
  const id = part(message.content, 0x02);
  const response = part(id.rest, 0x78);
  const code = part(response.content, 0x0a);
  if (id.content.length !== 1 || id.content[0] !== 1) throw new Error('an answer to something else');
  const succeeded = code.content.length === 1 && code.content[0] === 0;
  if (!succeeded) throw new Error(`it does not do StartTLS (result ${code.content.toString('hex')})`);
  return true;
};

/** Resolves when TLS may begin on this socket. */
export const askForTls = (socket: Socket): Promise<void> =>
  new Promise((resolve, reject) => {
    let answer = Buffer.alloc(0);
    const settle = (error?: Error): void => {
      socket.off('data', more).off('error', settle).off('close', gone);
      socket.pause();
      if (error === undefined) resolve();
      else reject(error);
    };
    const gone = (): void => settle(new Error('it closed the connection'));
    const more = (chunk: Buffer): void => {
      answer = Buffer.concat([answer, chunk]);
      try {
        if (readAnswer(answer)) settle();
      } catch (error) {
        settle(error as Error);
      }
    };
    socket.on('data', more).once('error', settle).once('close', gone);
    socket.write(request);
  });
