/**
 * The `ssh` mechanism on the server: who is behind an SSH login, from what sshd verified.
 *
 *   a plain key       its fingerprint, `ssh:SHA256:…`; a comment beside a key names nobody
 *   a certificate     key id or principal, `ssh:alice`, if the policy lists the authority and lets it assert that name
 *   gssapi-with-mic   the Kerberos name, `ssh:alice@CORP.EXAMPLE`
 *
 * What always holds: the account of the login says nothing, since everybody shares one; exactly one method names the person; our own
 * checks come after sshd's and can only refuse more.
 *
 * @module
 */
import { forever, parseSshKey, sshFingerprint, type SshCertificate, type SshKey } from '../../certs/openssh/key.ts';
import type { RevokedKeys } from '../../certs/openssh/revoked-keys.ts';
import { isSignedByAuthority } from '../../certs/openssh/signature.ts';
import { formatPrincipal, principalOf } from '../../policy/principal.ts';
import { mayAssert, type SshMethod, type SshTrust } from '../../policy/ssh.ts';
import { cleanText } from '../../protocol/alert.ts';
import { toWardError, WardError } from '../../protocol/errors.ts';
import type { ServerAuthenticator } from '../../protocol/handshake.ts';
import type { SshLogin, VerifiedMethod } from '../ssh-bridge/preface.ts';
import type { Identity } from './session.ts';

/** How long a session may last on a credential that has no end of its own. */
export const endlessMs = 8 * 3600 * 1000;
/** How long on a ticket, whose end sshd does not tell: a login anew proves that it is still there, and costs its holder nothing. */
export const ticketMs = 3600 * 1000;

/** What the server knows beside the login; each is asked again whenever something changed. */
export interface SshFacts {
  /** Name of the account that everybody logs in to. */
  readonly account: string;
  trust(): SshTrust;
  revoked(): RevokedKeys | undefined;
}

interface Verified {
  readonly method: SshMethod;
  readonly value: string;
  readonly key?: SshKey;
}

const refuse = (sentence: string): WardError => new WardError('ssh-refused', sentence);

/** One plain name of a Kerberos realm, without escapes: `alice@CORP.EXAMPLE`, `alice/admin@CORP.EXAMPLE`. */
const kerberosName = /^[A-Za-z0-9._$-]+(?:\/[A-Za-z0-9._$-]+)*@[A-Za-z0-9._-]+$/;

/** A method that can name a person; undefined for one that cannot, such as a password of the shared account. */
const understand = ({ method, value }: VerifiedMethod): Verified | undefined => {
  if (method === 'gssapi-with-mic') return { method, value };
  if (method !== 'publickey') return undefined;
  const key = parseSshKey(value);
  return { method: key.certificate === undefined ? 'publickey' : 'certificate', value, key };
};

/** The one method that names the person. */
const choose = (methods: readonly VerifiedMethod[], { methods: permitted }: SshTrust): Verified => {
  const named = methods.map(understand).filter((verified) => verified !== undefined);
  if (permitted === undefined) {
    if (methods.length > 1) {
      throw refuse('The login completed several methods, and the policy ("methods" under "ssh") does not say which one names the person.');
    }
    if (named[0] === undefined) throw refuse(`sshd let this login in by ${methods[0]?.method ?? 'nothing'}, which names nobody.`);
    return named[0];
  }
  for (const method of permitted) {
    const found = named.filter((verified) => verified.method === method);
    if (found.length > 1) throw new WardError('name-ambiguous', `The login completed the method ${method} more than once.`);
    if (found[0] !== undefined) return found[0];
  }
  const completed = methods.map(({ method }) => method).join(' and ');
  throw refuse(`The login completed ${completed}; the policy lets ${permitted.join(', ')} name a person.`);
};

const nameIn = ({ keyId, principals }: SshCertificate, field: 'key-id' | 'principal', account: string): string => {
  if (field === 'key-id') return keyId;
  const people = principals.filter((principal) => principal !== account);
  if (people.length === 1) return people[0]!;
  const has = people.length === 0 ? 'no principal but the account' : 'several principals';
  throw new WardError('name-ambiguous', `The SSH certificate has ${has}, so it does not say who this is.`);
};

/** The name that a certificate asserts, if all is as it must be at this moment. */
const assertedName = (key: SshKey & { certificate: SshCertificate }, facts: SshFacts): string => {
  const { certificate } = key;
  const ca = sshFingerprint(certificate.authority);
  const authority = facts.trust().authorities.find((one) => one.ca === ca);
  if (authority === undefined) {
    throw new WardError('certificate-invalid', `The policy does not list the authority ${ca} that signed this SSH certificate.`);
  }
  if (certificate.type !== 'user') throw new WardError('certificate-invalid', 'The SSH certificate is for a host.');
  const now = BigInt(Math.floor(Date.now() / 1000));
  if (now < certificate.validAfter || now >= certificate.validBefore) {
    throw new WardError('certificate-expired', 'The SSH certificate is outside its validity.');
  }
  const name = nameIn(certificate, authority.name, facts.account);
  if (mayAssert(authority, name)) return name;
  const sentence = `The authority "${authority.id}" may not assert the name ${JSON.stringify(cleanText(name, 100))}.`;
  throw new WardError('name-not-allowed', sentence, { at: authority.position });
};

const checkRevoked = (key: SshKey, { revoked }: SshFacts): void => {
  if (revoked()?.has(key) !== true) return;
  throw new WardError('certificate-revoked', `The SSH ${key.certificate === undefined ? 'key' : 'certificate'} was revoked.`);
};

const endOf = ({ validBefore }: SshCertificate): number => {
  const end = validBefore === forever ? Number.MAX_SAFE_INTEGER : Number(validBefore) * 1000;
  // An end beyond all dates is none.
  return end > Date.now() + 100 * 365 * 86_400_000 ? Date.now() + endlessMs : end;
};

/** What `check` throws, as the reason why a session must end. */
const reasonOf = (check: () => void): WardError | undefined => {
  try {
    check();
    return undefined;
  } catch (thrown) {
    return toWardError(thrown);
  }
};

const identityOf = (name: string, rest: Pick<Identity, 'expires' | 'fingerprint' | 'stillValid'>): Identity => ({
  principal: formatPrincipal(principalOf('ssh', name)), mechanism: 'ssh', ...rest,
});

const identify = ({ method, value, key }: Verified, facts: SshFacts): Identity => {
  if (key === undefined) {
    if (!kerberosName.test(value)) throw refuse('The Kerberos name that sshd verified is not a plain name of a realm.');
    return identityOf(value, { expires: Date.now() + ticketMs, fingerprint: method, stillValid: () => undefined });
  }
  checkRevoked(key, facts);
  const fingerprint = sshFingerprint(key.blob);
  const { certificate } = key;
  if (certificate === undefined) {
    const stillValid = (): WardError | undefined => reasonOf(() => checkRevoked(key, facts));
    return identityOf(fingerprint, { expires: Date.now() + endlessMs, fingerprint, stillValid });
  }
  const certified = { ...key, certificate };
  const name = assertedName(certified, facts);
  if (!isSignedByAuthority(certificate)) {
    throw new WardError('certificate-invalid', 'The SSH certificate does not have the signature of its authority.');
  }
  return identityOf(name, {
    expires: endOf(certificate),
    fingerprint,
    stillValid: () => reasonOf(() => {
      checkRevoked(key, facts);
      if (assertedName(certified, facts) === name) return;
      throw new WardError('name-not-allowed', `The SSH certificate no longer stands for ${name}.`);
    }),
  });
};

/** Authenticates whom sshd let in. */
export const sshAuthenticator = (login: SshLogin, facts: SshFacts): ServerAuthenticator => ({
  async accept(): Promise<Identity> {
    return identify(choose(login.methods, facts.trust()), facts);
  },
});
