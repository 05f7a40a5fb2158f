/**
 * Name constraints of a CA: below which names it may issue (RFC 5280 section 4.2.1.10). OpenSSL enforces them at each
 * connection; here a name outside them is refused before it is signed.
 *
 * @module
 */

import { BlockList, isIP } from 'node:net';
import { WardError } from '../protocol/errors.ts';
import type { AltName } from './altnames.ts';

/** What is permitted. An absent kind is not constrained; a present one admits nothing else. */
export interface NameConstraints {
  /** `corp.example` admits itself and everything below it. */
  readonly dns?: readonly string[];
  /** Host `build.corp.example`, or `.corp.example` for every host below it. URIs without a host are out then. */
  readonly uri?: readonly string[];
  /** Domain `corp.example`, `.corp.example` for those below it, or one whole address. */
  readonly email?: readonly string[];
  /** `10.0.0.0/8`, `fd00::/8`. */
  readonly ip?: readonly string[];
}

const domain = /^\.?(?:[a-z0-9-]{1,63}\.)*[a-z0-9-]{1,63}$/i;

const isNetwork = (cidr: string): boolean => {
  const [, network = '', length = ''] = /^([^/]+)\/([0-9]{1,3})$/.exec(cidr) ?? [];
  return isIP(network) !== 0 && Number(length) <= (isIP(network) === 4 ? 32 : 128);
};

/** @throws WardError `certs-refused`: something that is no domain, host, address or network */
export const checkConstraints = (permit: NameConstraints): void => {
  const wellFormed: [readonly string[] | undefined, string, (entry: string) => boolean][] = [
    [permit.dns, 'domain', (entry) => domain.test(entry) && !entry.startsWith('.')],
    [permit.uri, 'host', (entry) => domain.test(entry)],
    [permit.email, 'mail domain or address', (entry) => domain.test(entry.slice(entry.indexOf('@') + 1))],
    [permit.ip, 'network (10.0.0.0/8)', isNetwork],
  ];
  for (const [entries, what, test] of wellFormed) {
    const wrong = entries?.find((entry) => !test(entry));
    if (wrong !== undefined) throw new WardError('certs-refused', `${JSON.stringify(wrong)} is no ${what}.`);
  }
};

const family = (address: string): 'ipv4' | 'ipv6' => isIP(address) === 6 ? 'ipv6' : 'ipv4';

const inNetwork = (address: string, cidr: string): boolean => {
  const [network = '', length = ''] = cidr.split('/');
  const list = new BlockList();
  list.addSubnet(network, Number(length), family(network));
  return family(address) === family(network) && list.check(address, family(address));
};

const isUnder = (name: string, entry: string): boolean => {
  const [have, want] = [name.toLowerCase(), entry.toLowerCase()];
  return want.startsWith('.') ? have.endsWith(want) : have === want;
};

const tests: Readonly<Record<AltName['kind'], (name: string, permit: NameConstraints) => boolean | undefined>> = Object.freeze({
  dns: (name, { dns }) => dns?.some((entry) => isUnder(name, entry) || isUnder(name, `.${entry}`)),
  uri: (name, { uri }) => uri?.some((entry) => isUnder(/^[^:]+:\/\/([^/:]+)/.exec(name)?.[1] ?? '', entry)),
  email: (name, { email }) => email?.some((entry) => entry.includes('@') ? entry === name : isUnder(name.split('@')[1] ?? '', entry)),
  ip: (name, { ip }) => ip?.some((entry) => inNetwork(name, entry)),
  upn: () => undefined,
});

const words: Readonly<Record<AltName['kind'], string>> =
  Object.freeze({ dns: 'DNS name', uri: 'URI', email: 'e-mail address', ip: 'IP address', upn: 'UPN' });

/** @throws WardError `certs-refused`: a name outside what is permitted */
export const checkPermitted = ({ kind, value }: AltName, permit: NameConstraints): void => {
  if (tests[kind](value, permit) === false) {
    throw new WardError('certs-refused', `The name constraints of this CA do not permit the ${words[kind]} ${value}.`);
  }
};
