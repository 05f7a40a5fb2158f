/**
 * What the Kerberos libraries say on the client's side, as sentences that say what to do. The initiator gives texts only, in
 * English because the helper runs in the C locale.
 *
 * @module
 */
import { cleanText } from '../../protocol/alert.ts';
import { WardError } from '../../protocol/errors.ts';

/** `2026-03-01 17:05:00 UTC`. */
export const printTime = (seconds: number): string => `${new Date(seconds * 1000).toISOString().slice(0, 19).replace('T', ' ')} UTC`;

export const noTicket = (why?: string): WardError =>
  new WardError('credential-missing', `There is no Kerberos ticket: run kinit.${why === undefined ? '' : ` (${cleanText(why, 200)})`}`);

export const expiredTicket = (principal: string, ends: number): WardError =>
  new WardError('credential-expired', `The Kerberos ticket of ${cleanText(principal, 256)} ended at ${printTime(ends)}: run kinit.`);

export const kdcSilent = (seconds: number): WardError =>
  new WardError('kdc-unreachable', `No Kerberos server (KDC) answered within ${seconds} seconds.`);

const invalid = (sentence: string): WardError => new WardError('ticket-invalid', sentence);

const noWay = (service: string, said: string): WardError =>
  new WardError('server-untrusted', `There is no way from your realm to that of ${service}, the compile server: ${said}.`);

const explanations: readonly (readonly [RegExp, (service: string, said: string) => WardError])[] = [
  [
    /Cannot contact any KDC|Cannot resolve (?:network address|servers) for KDC/i,
    (_, said) => new WardError('kdc-unreachable', `No Kerberos server (KDC) can be reached: ${said}.`),
  ],
  [/Ticket expired/i, () => new WardError('credential-expired', 'The Kerberos ticket has expired: run kinit.')],
  [
    /No Kerberos credentials|No credentials cache|Credentials cache file|Can't find client principal|Matching credential not found/i,
    (_, said) => noTicket(said),
  ],
  [
    /Cannot find KDC for realm|Server krbtgt\/.* not found in Kerberos database|KDC policy rejects|KDC reply did not match expectations/i,
    noWay,
  ],
  [
    /not found in Kerberos database/i,
    (service) => {
      const why = 'the server is not set up for it, or its name in client.jsonc is wrong';
      return new WardError('server-untrusted', `Kerberos knows no service ${service}: ${why}.`);
    },
  ],
  [/Clock skew too great/i, () => invalid('The clocks of this machine and of the KDC differ by more than Kerberos allows: correct them.')],
  [/encryption type|enctype/i, (service) => invalid(`There is no AES key for ${service}, and no other kind is used.`)],
];

const realmOf = (principal: string): string => principal.slice(principal.lastIndexOf('@') + 1);

/** The error for what the library said while a context with `service` was made for somebody. */
export const initiatorError = (message: string, service: string, principal: string): WardError => {
  const said = cleanText(message.replace(/^.*Minor code may provide more information:?\s*/is, ''), 300).trim().replace(/\.$/, '');
  // Heimdal's KDC and Samba's do not say which server they miss: the service, or the KDC of its realm.
  if (realmOf(principal) !== realmOf(service) && said === 'Server not found in Kerberos database') {
    return noWay(service, 'a KDC on the way knows no such server');
  }
  const known = explanations.find(([pattern]) => pattern.test(said));
  return known?.[1](service, said) ?? new WardError('ticket-invalid', `Kerberos refused to make a token for ${service}: ${said}.`);
};
