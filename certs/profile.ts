/**
 * What certificates of this CA say: the names and extensions of a server's and of a user's certificate, and the checks that
 * refuse a name before anything is signed. OpenSSL would refuse the result too, but only at the first connection.
 *
 * @module
 */

import { isIP } from 'node:net';
import { WardError } from '../protocol/errors.ts';
import type { AltName } from './altnames.ts';
import { checkPermitted, type NameConstraints } from './constraints.ts';
import type { Der } from './der.ts';
import { basicConstraintsLeaf, extKeyUsage, keyUsageLeaf, subjectAltName } from './extensions.ts';
import { oids } from './oids.ts';

/** SAN URI of a server: `wardcc-server:HOST`, or `wardcc-server://HOST` where the CA constrains URIs, which need a host then. */
export const serverMarker = 'wardcc-server:';
/** SAN URI of a user: `wardcc-user:NAME`. */
export const userScheme = 'wardcc-user:';

export interface Profile {
  readonly kind: 'server' | 'user';
  readonly name: string;
  readonly subject: string;
  readonly extensions: Der[];
}

export interface UserNames {
  readonly uris?: readonly string[];
  readonly emails?: readonly string[];
  readonly upns?: readonly string[];
}

const refuse = (sentence: string): never => {
  throw new WardError('certs-refused', sentence);
};

const hostName = /^(?=.{1,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/i;
const userName = /^[a-z0-9](?:[a-z0-9._@+-]{0,126}[a-z0-9_])?$/i;
const mailbox = /^[a-z0-9._+-]{1,64}@((?:[a-z0-9-]{1,63}\.)*[a-z0-9-]{1,63})$/i;
const absoluteUri = /^[a-z][a-z0-9+.-]*:[\x21-\x7e]+$/i;

const profile = (kind: Profile['kind'], name: string, names: AltName[], permitted: NameConstraints): Profile => {
  for (const entry of names) checkPermitted(entry, permitted);
  // A server is a client of the others when it fetches what they keep.
  const purposes = kind === 'server' ? [oids.serverAuth, oids.clientAuth] : [oids.clientAuth];
  const extensions = [basicConstraintsLeaf(), keyUsageLeaf(), extKeyUsage(...purposes), subjectAltName(names)];
  return { kind, name, subject: `${kind} ${name}`, extensions };
};

/**
 * A server's certificate: every name as DNS name or IP address, and a marker for each, so that another certificate of the
 * same CA for the same host does not make a compile server.
 *
 * @throws WardError `certs-refused`: no name, a name that is no host, or one the CA's constraints do not permit
 */
export const serverProfile = (hosts: readonly string[], permitted: NameConstraints): Profile => {
  const [first] = hosts;
  if (first === undefined) return refuse('A server certificate needs at least one name.');
  const names = hosts.flatMap((host): AltName[] => {
    const kind = isIP(host) === 0 ? 'dns' : 'ip';
    if (kind === 'dns' && !hostName.test(host)) refuse(`${JSON.stringify(host)} is neither a host name nor an IP address.`);
    return [{ kind, value: host }, { kind: 'uri', value: `${serverMarker}${permitted.uri === undefined ? '' : '//'}${host}` }];
  });
  return profile('server', first, names, permitted);
};

const matching = (value: string, grammar: RegExp, what: string): string =>
  grammar.test(value) ? value : refuse(`${JSON.stringify(value)} is not ${what}.`);

/**
 * A user's certificate: `wardcc-user:NAME`, or exactly the names given instead. The common name never looks like a host
 * name (it has a space), because OpenSSL would hold it against DNS constraints.
 *
 * @throws WardError `certs-refused`: a malformed name, or one the CA's constraints do not permit
 */
export const userProfile = (user: string, names: UserNames, permitted: NameConstraints): Profile => {
  if (!userName.test(user)) refuse(`${JSON.stringify(user)} is not a user name: letters, digits and . _ - + @ are.`);
  const given: AltName[] = [];
  for (const value of names.uris ?? []) given.push({ kind: 'uri', value: matching(value, absoluteUri, 'an absolute URI') });
  for (const value of names.emails ?? []) given.push({ kind: 'email', value: matching(value, mailbox, 'an e-mail address') });
  for (const value of names.upns ?? []) given.push({ kind: 'upn', value: matching(value, mailbox, 'a user principal name (user@domain)') });
  if (given.some((name) => name.value.toLowerCase().startsWith(serverMarker))) {
    refuse(`A user's certificate cannot carry the marker of a server (${serverMarker}).`);
  }
  if (given.length === 0) {
    if (permitted.uri !== undefined) refuse('This CA constrains URIs, so wardcc-user:NAME cannot be issued: give --uri, --email or --upn.');
    given.push({ kind: 'uri', value: `${userScheme}${user}` });
  }
  return profile('user', user, given, permitted);
};
