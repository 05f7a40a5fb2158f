/**
 * The `krb5` mechanism on the server, in order:
 *
 *   1. the client means this service, and the token is one of the krb5 mechanism itself
 *   2. GSS accepts the token: ticket, key, time, replay
 *   3. the context is mutual, encrypts, delegates nothing and has an AES key
 *   4. the client proves that it is at the other end of this TLS connection; then this side does
 *
 * What always holds: nothing is believed of a name before step 4 is done; a session lives no longer than the key in the keytab that
 * opened its ticket.
 *
 * @module
 */
import { cleanText } from '../../protocol/alert.ts';
import { WardError } from '../../protocol/errors.ts';
import type { AuthIo, ClientHello, ServerAuthenticator } from '../../protocol/handshake.ts';
import { isProof, proofMessage, proofText } from '../../protocol/proof.ts';
import { formatPrincipal, principalOf } from '../../policy/principal.ts';
import { native, type GssAccepted, type GssError } from '../native/load.ts';
import { tokenError } from './krb5-errors.ts';
import type { ServiceKeys } from './service-keys.ts';
import type { Identity } from './session.ts';

/** Flags of RFC 2743, as gssapi.h numbers them. */
const flag = Object.freeze({ delegation: 1, mutual: 2, confidentiality: 16, integrity: 32, anonymous: 64 });

/** `60 LENGTH 06 09` and the object identifier 1.2.840.113554.1.2.2. */
const krb5Oid = Buffer.from('06092a864886f712010202', 'hex');

/** Is this an initial token of the krb5 mechanism, and not of SPNEGO, which would choose for itself? */
const isKrb5Token = (token: Buffer): boolean => {
  if (token[0] !== 0x60 || token.length < 2) return false;
  const short = token[1]!;
  const start = short < 0x80 ? 2 : 2 + (short & 0x7f);
  return token.subarray(start, start + krb5Oid.length).equals(krb5Oid);
};

const invalid = (sentence: string): WardError => new WardError('ticket-invalid', sentence);

const accept = async (keys: ServiceKeys, token: Buffer): Promise<GssAccepted> => {
  if (!isKrb5Token(token)) {
    throw invalid('The token is not one of the Kerberos mechanism itself; SPNEGO and others are not accepted.');
  }
  try {
    return await keys.accept(token);
  } catch (thrown) {
    throw tokenError(thrown as GssError, keys.principal);
  }
};

const checkContext = ({ flags, keyType }: GssAccepted): void => {
  if ((flags & flag.delegation) !== 0) {
    const advice = 'kdestroy and a new kinit end what was delegated';
    throw invalid(`The client delegated its ticket, which no compile server may have: ${advice}.`);
  }
  if ((flags & flag.anonymous) !== 0) throw invalid('The ticket is anonymous.');
  const needed = flag.mutual | flag.confidentiality | flag.integrity;
  if ((flags & needed) !== needed) throw invalid('The Kerberos context is not mutual, or cannot encrypt.');
  if (keyType === 0) throw invalid('The session key of the ticket is not AES.');
};

const keyGone = (principal: string): WardError =>
  invalid(`The key of ${principal} with which the ticket was made is no longer in the keytab of this server: kdestroy and kinit get a new one.`);

const openProof = ({ context }: GssAccepted, sealed: Buffer): Buffer => {
  try {
    return native().gssOpen(context, sealed);
  } catch (cause) {
    throw new WardError('binding-mismatch', 'The proof of the client was not made with the key of its ticket.', { cause });
  }
};

/** Authenticates the holder of a ticket for this service. */
export const krb5Authenticator = (keys: ServiceKeys): ServerAuthenticator => ({
  async accept(io: AuthIo, hello: ClientHello): Promise<Identity> {
    if (hello.target !== keys.principal) {
      throw new WardError('server-untrusted', `This server is ${keys.principal} and not ${cleanText(hello.target, 300)}.`);
    }
    const accepted = await accept(keys, await io.receive());
    checkContext(accepted);
    io.send(accepted.token);

    const expected = proofText('client', io);
    if (!isProof(openProof(accepted, await io.receive()), expected)) {
      throw new WardError('binding-mismatch', 'The proof of the client is for another connection: somebody may be relaying it.');
    }
    // A refusal after this side's proof would come when the client waits for no answer any more.
    const principal = formatPrincipal(principalOf('krb5', accepted.name));
    io.send(native().gssSeal(accepted.context, proofMessage(proofText('server', io))));

    const expires = native().gssEnd(accepted.context) * 1000;
    return {
      principal,
      mechanism: 'krb5',
      expires,
      fingerprint: `${keys.principal} until ${new Date(expires).toISOString()}`.slice(-256),
      stillValid: () => (keys.has(accepted.ticketKey) ? undefined : keyGone(keys.principal)),
    };
  },
});
