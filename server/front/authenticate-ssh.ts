/**
 * The `ssh` mechanism on the server: who is behind an SSH login, from what sshd verified.
 *
 *   publickey with a plain key   the fingerprint, `ssh:SHA256:…`; a comment beside a key names nobody
 *   gssapi-with-mic              the Kerberos name, `ssh:alice@CORP.EXAMPLE`
 *
 * What always holds: the account of the login says nothing, since everybody shares one; exactly one method names the person.
 *
 * @module
 */
import { createHash } from 'node:crypto';
import { formatPrincipal, principalOf } from '../../policy/principal.ts';
import { WardError } from '../../protocol/errors.ts';
import type { ServerAuthenticator } from '../../protocol/handshake.ts';
import type { SshLogin, VerifiedMethod } from '../ssh-bridge/preface.ts';
import type { Identity } from './session.ts';

/** How long a session may last on a credential that has no end of its own. */
const endlessMs = 8 * 3600 * 1000;

const refuse = (sentence: string): WardError => new WardError('ssh-refused', sentence);

/** One name of a Kerberos realm, without escapes: `alice@CORP.EXAMPLE`, `alice/admin@CORP.EXAMPLE`. */
const kerberosName = /^[A-Za-z0-9._$-]+(?:\/[A-Za-z0-9._$-]+)*@[A-Za-z0-9._-]+$/;

const ofKey = (value: string): Omit<Identity, 'stillValid'> => {
  const [type = '', blob = ''] = value.split(' ');
  const bytes = Buffer.from(blob, 'base64');
  if (bytes.length === 0 || bytes.toString('base64') !== blob) throw refuse('What sshd verified is no public key.');
  if (type.includes('-cert-')) throw refuse('The policy lists no SSH certificate authority.');
  const fingerprint = `SHA256:${createHash('sha256').update(bytes).digest('base64').replace(/=+$/, '')}`;
  return { principal: formatPrincipal(principalOf('ssh', fingerprint)), mechanism: 'ssh', expires: Date.now() + endlessMs, fingerprint };
};

const ofKerberos = (value: string): Omit<Identity, 'stillValid'> => {
  if (!kerberosName.test(value)) throw refuse('The Kerberos name that sshd verified is not a plain name of a realm.');
  return { principal: formatPrincipal(principalOf('ssh', value)), mechanism: 'ssh', expires: Date.now() + endlessMs, fingerprint: 'gssapi-with-mic' };
};

const identify = ({ method, value }: VerifiedMethod): Omit<Identity, 'stillValid'> => {
  if (method === 'publickey') return ofKey(value);
  if (method === 'gssapi-with-mic') return ofKerberos(value);
  throw refuse(`sshd let this login in by ${method}, which names nobody.`);
};

/** Authenticates whom sshd let in. */
export const sshAuthenticator = ({ methods }: SshLogin): ServerAuthenticator => ({
  async accept(): Promise<Identity> {
    const [only] = methods;
    if (only === undefined || methods.length !== 1) throw refuse('sshd verified several methods, and the policy does not say which one names the person.');
    return { ...identify(only), stillValid: () => undefined };
  },
});
