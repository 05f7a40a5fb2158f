/**
 * The Kerberos helper: a child process of the agent in which tokens for servers are made. It is a process of its own because the
 * library takes cache and configuration from the environment of its process, and because a KDC that does not answer holds it for
 * half a minute: then the agent ends this process and nobody else waits.
 *
 * What always holds: one step at a time; names are never looked up in DNS to decide who a server is; the ticket that is used is
 * for exactly the service that was asked for; nothing is delegated.
 *
 * @module
 */
import { rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import kerberos from 'kerberos';
import { toWardError, WardError } from '../../protocol/errors.ts';
import { addonPath } from './addon.ts';
import { expiredTicket, initiatorError, noTicket } from './krb5-errors.ts';
import type { HelperReply, HelperRequest, HelperRequests, RequestType, Service, Ticket } from './krb5-messages.ts';

interface Addon {
  credentialCache(service: string): Ticket;
  servicePrincipal(name: string): string;
}

type Client = Awaited<ReturnType<typeof kerberos.initializeClient>>;

/** mutual, replay, sequence, confidentiality, integrity; not delegation. */
const flags = 2 | 4 | 8 | 16 | 32;
/** The library wraps `user`; what it is given first only has to be these eight bytes. */
const wrapPreamble = 'BwAA/wAAAAA=';
/** A proof has 68 bytes, and what RFC 4121 puts around it at least 60. The library never answers for an empty message. */
const shortestSealed = 68 + 60;

const directory = process.argv[2]!;
const baseConfiguration = process.env['KRB5_CONFIG'] ?? '/etc/krb5.conf';
const addon = createRequire(import.meta.url)(addonPath()) as Addon;
const contexts = new Map<number, { client: Client; service: string }>();
let nextContext = 1;

/** Puts before the user's configuration what must hold here: the server's realm is known, and DNS has no say in its name. */
const pin = (host: string, realm: string): void => {
  const file = join(directory, 'krb5.conf');
  writeFileSync(file, `[libdefaults]
  dns_canonicalize_hostname = false
  dns_lookup_realm = false
  rdns = false
  allow_weak_crypto = false
  permitted_enctypes = aes256-cts-hmac-sha1-96 aes128-cts-hmac-sha1-96 aes256-cts-hmac-sha384-192 aes128-cts-hmac-sha256-128
[domain_realm]
  ${host} = ${realm}
`, { mode: 0o600 });
  process.env['KRB5_CONFIG'] = `${file}:${baseConfiguration}`;
};

const realmOf = (principal: string): string => principal.slice(principal.lastIndexOf('@') + 1);

/** The name as GSS wants it, and the principal that it must become. */
const naming = ({ service, host, realm }: Required<Service>): { name: string; principal: string; instance: string } => {
  const [first = '', instance = host] = service.split('/');
  return { name: `${first}@${instance}`, principal: `${first}/${instance}@${realm}`, instance };
};

const look = (service: Service): Ticket => {
  const { realm } = service;
  let ticket: Ticket;
  try {
    ticket = addon.credentialCache(realm === undefined ? '' : naming({ ...service, realm }).principal);
  } catch (error) {
    throw noTicket((error as Error).message);
  }
  if (ticket.ends === 0) throw noTicket(`${ticket.cache} is empty`);
  if (ticket.ends * 1000 <= Date.now()) throw expiredTicket(ticket.principal, ticket.ends);
  return ticket;
};

const begin = async (service: Service): Promise<HelperRequests['begin']['answer']> => {
  const ticket = look(service);
  const realm = service.realm ?? realmOf(ticket.principal);
  const { name, principal, instance } = naming({ ...service, realm });
  pin(instance, realm);
  const meant = addon.servicePrincipal(name);
  if (meant !== principal) throw new WardError('server-untrusted', `krb5.conf turns the name of the server ${principal} into ${meant}.`);
  try {
    // The declaration of this option says `gssFlag`; the library reads `flags`.
    const options: object = { principal: ticket.principal, mechOID: kerberos.GSS_MECH_OID_KRB5, flags };
    const client = await kerberos.initializeClient(name, options);
    const token = await client.step('');
    const context = nextContext++;
    contexts.set(context, { client, service: principal });
    return { context, token, principal, ticket };
  } catch (error) {
    throw initiatorError((error as Error).message, principal, ticket.principal);
  }
};

const contextOf = (id: number): { client: Client; service: string } => {
  const found = contexts.get(id);
  if (found === undefined) throw new WardError('internal', 'The Kerberos helper knows no such context.');
  return found;
};

const handlers: { readonly [T in RequestType]: (request: HelperRequests[T]['request']) => Promise<HelperRequests[T]['answer']> } = {
  look: async (request) => look(request),
  begin,
  step: async ({ context, token }) => {
    const { client, service } = contextOf(context);
    const refused = (): WardError => new WardError('server-untrusted', `The server could not prove that it has the key of ${service}.`);
    await client.step(token).catch(() => {
      throw refused();
    });
    if (!client.contextComplete) throw refused();
    return {};
  },
  seal: async ({ context, text }) => ({ token: await contextOf(context).client.wrap(wrapPreamble, { user: text, protect: true }) }),
  open: async ({ context, token }) => {
    const { client, service } = contextOf(context);
    const refused = (): WardError => new WardError('binding-mismatch', `The proof of the server was not made with the key of ${service}.`);
    if (Buffer.from(token, 'base64').length < shortestSealed) throw refused();
    const message = await client.unwrap(token).catch(() => {
      throw refused();
    });
    if (!client.responseConf) throw refused();
    return { message };
  },
  end: async ({ context }) => {
    contexts.delete(context);
    return {};
  },
};

const answer = async (request: HelperRequest): Promise<HelperReply> => {
  try {
    return { id: request.id, answer: await handlers[request.type](request as never) };
  } catch (thrown) {
    const { code, message } = toWardError(thrown);
    return { id: request.id, error: { code, message } };
  }
};

let turn = Promise.resolve();
process.on('message', (request: HelperRequest) => {
  turn = turn.then(async () => {
    const reply = await answer(request);
    process.send?.(reply);
  });
});
const leave = (): void => {
  rmSync(directory, { recursive: true, force: true });
  // An ordinary exit would wait for a step that is under way.
  process.kill(process.pid, 'SIGKILL');
};
process.on('disconnect', leave);
// The first message says that this process is up; no request has this number. The agent may be gone already.
if (process.connected) process.send?.({ id: 0 } satisfies HelperReply, (error: Error | null) => (error === null ? undefined : leave()));
else leave();
