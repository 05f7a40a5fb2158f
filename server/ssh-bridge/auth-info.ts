/**
 * What sshd verified: the file that `ExposeAuthInfo yes` makes, named by SSH_USER_AUTH. One line a completed method.
 *
 * What always holds: only a file that sshd can have made for this very account counts. Whoever manages to set the variable gains
 * nothing by it, since no other file of that kind and place belongs to the account.
 *
 * @module
 */
import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from 'node:fs';
import { WardError } from '../../protocol/errors.ts';
import type { VerifiedMethod } from './preface.ts';

const maxBytes = 64 * 1024;
const maxMethods = 16;

/** sshd's own pattern for the name (session or auth code of OpenSSH: `/tmp/sshauth.XXXXXXXXXXXXXXX`). */
const place = /^\/tmp\/sshauth\.[A-Za-z0-9]{6,32}$/;

const refuse = (sentence: string, cause?: unknown): WardError => new WardError('ssh-refused', sentence, { cause });

/** `METHOD`, `METHOD/SUBMETHOD`, and what the method has to say. */
const line = /^([a-z][a-z0-9-]{0,40}(?:\/[a-z0-9-]{1,20})?)(?: (.+))?$/;

/** The lines of the file. @throws WardError `ssh-refused` */
export const parseAuthInfo = (text: string): VerifiedMethod[] => {
  if (text === '' || !text.endsWith('\n')) throw refuse('sshd did not say completely what it verified.');
  const lines = text.slice(0, -1).split('\n');
  if (lines.length > maxMethods) throw refuse('sshd says that it verified more methods than there are.');
  return lines.map((written) => {
    const [, method, value = ''] = line.exec(written) ?? [];
    if (method === undefined) throw refuse('sshd wrote something that is no authentication method.');
    return { method, value };
  });
};

const check = (status: Stats): void => {
  if (!status.isFile() || status.nlink !== 1) throw refuse('SSH_USER_AUTH does not name a regular file.');
  if (status.uid !== process.geteuid?.()) throw refuse('The file that SSH_USER_AUTH names belongs to somebody else.');
  if ((status.mode & 0o7777) !== 0o600) throw refuse('The file that SSH_USER_AUTH names does not have mode 0600.');
  if (status.size === 0 || status.size > maxBytes) throw refuse('The file that SSH_USER_AUTH names is empty or too large.');
};

/**
 * Reads the file that sshd made for this connection.
 *
 * @param path the value of SSH_USER_AUTH
 * @throws WardError `ssh-refused`
 */
export const readAuthInfo = (path: string | undefined): VerifiedMethod[] => {
  if (path === undefined || path === '') {
    throw refuse('sshd does not say whom it verified: its configuration needs "ExposeAuthInfo yes" for this account.');
  }
  if (!place.test(path)) throw refuse('SSH_USER_AUTH names a file that sshd does not make.');
  let descriptor: number;
  try {
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (cause) {
    throw refuse('The file that SSH_USER_AUTH names cannot be opened.', cause);
  }
  try {
    check(fstatSync(descriptor));
    const bytes = Buffer.alloc(maxBytes + 1);
    let length = 0;
    for (let read = 1; read > 0 && length < bytes.length; length += read) {
      read = readSync(descriptor, bytes, length, bytes.length - length, null);
    }
    if (length > maxBytes) throw refuse('The file that SSH_USER_AUTH names is too large.');
    return parseAuthInfo(new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(0, length)));
  } catch (thrown) {
    throw thrown instanceof WardError ? thrown : refuse('The file that SSH_USER_AUTH names cannot be read.', thrown);
  } finally {
    closeSync(descriptor);
  }
};
