/**
 * What GSS says about a token, as a sentence for the person who sent it. The numbers are those of krb5.h.
 *
 * @module
 */
import { cleanText } from '../../protocol/alert.ts';
import { WardError, type ErrorCode } from '../../protocol/errors.ts';
import type { GssError } from '../native/load.ts';

interface Explanation {
  readonly code: ErrorCode;
  readonly sentence: (service: string) => string;
}

/** The first of the library's numbers; those of RFC 4120 count from here. */
const base = -1_765_328_384;

const invalid = (sentence: Explanation['sentence']): Explanation => ({ code: 'ticket-invalid', sentence });

const noKey = invalid((service) =>
  `The ticket was made for a key of ${service} that this server does not have: kdestroy and kinit get a new one; `
  + 'administrator: renew the keytab.');

const explanations: ReadonlyMap<number, Explanation> = new Map([
  [base + 31, invalid(() => 'The ticket or the token was changed, or was made with another key.')],
  [base + 32, { code: 'credential-expired', sentence: () => 'The ticket has expired: run kinit.' }],
  [base + 33, invalid(() => 'The ticket is not valid yet: the clocks of this server, the client and the KDC differ.')],
  [base + 34, invalid(() => 'The token was used before: somebody may be replaying it.')],
  [base + 35, invalid((service) => `The ticket is for another service than ${service}.`)],
  [base + 36, invalid(() => 'The ticket and the token name different people.')],
  [base + 37, invalid(() => 'The clocks of client and server differ by more than Kerberos allows: correct them.')],
  [base + 41, invalid(() => 'The token was changed on its way.')],
  [base + 44, noKey],
  [base + 45, noKey],
  // KRB5_KT_NOTFOUND, KRB5_KT_KVNONOTFOUND
  [base + 181, noKey],
  [base + 230, noKey],
  // KRB5KRB_AP_WRONG_PRINC
  [base + 144, invalid((service) => `The ticket is for another service than ${service}.`)],
  // KRB5_NOPERM_ETYPE
  [base + 236, invalid(() => 'The ticket uses an encryption type that is not permitted here: AES only.')],
]);

/** Does the token need a key that the acceptor does not have? */
export const needsOtherKey = ({ minor }: GssError): boolean => explanations.get(minor) === noKey;

/** The error for a token that GSS refused. */
export const tokenError = (thrown: GssError, service: string): WardError => {
  const known = explanations.get(thrown.minor);
  if (known !== undefined) return new WardError(known.code, known.sentence(service), { cause: thrown });
  const said = cleanText(thrown.message, 200).replace(/\.$/, '');
  return new WardError('ticket-invalid', `The Kerberos token was not accepted: ${said}.`, { cause: thrown });
};
