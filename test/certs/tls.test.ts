import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import { join } from 'node:path';
import test from 'ava';
import { initAuthority, type Authority } from '../../certs/authority.ts';
import { generateKey } from '../../certs/keys.ts';
import { signCrl } from '../../certs/certificate.ts';
import { fingerprint, type NameAnchor } from '../../certs/inspect.ts';
import { oids } from '../../certs/oids.ts';
import { serverRefusal } from '../../certs/verdict.ts';
import { WardError, type ErrorClass, type ErrorCode } from '../../protocol/errors.ts';
import { temporaryDirectory } from '../fixtures/temporary.ts';
import { meet, oddCertificate, type Holder, type Sides, type Trust } from './tls-pair.ts';

const hour = 3_600_000;
const past = { notBefore: new Date(Date.now() - 2 * hour), notAfter: new Date(Date.now() - hour) };
const future = { notBefore: new Date(Date.now() + hour), notAfter: new Date(Date.now() + 2 * hour) };
const host = 'localhost';

interface World {
  readonly ca: Authority;
  readonly crl: string;
  /** A second CA that the server trusts too, but that may assert only other names. */
  readonly partner: Authority;
  readonly partnerCrl: string;
  /** A CA that nobody trusts, with the same name as the first. */
  readonly stranger: Authority;
  readonly server: Holder;
  readonly alice: Holder;
  readonly anchors: NameAnchor[];
}

const anchorOf = (id: string, authority: Authority, names: Partial<NameAnchor['names']>): NameAnchor =>
  ({ id, ca: fingerprint(new X509Certificate(authority.caPem)), names: { uri: [], email: [], upn: [], ...names } });

const world = async (directory: string): Promise<World> => {
  const ca = await initAuthority(join(directory, 'ca'), { dev: true });
  const partner = await initAuthority(join(directory, 'partner'), { dev: true, name: 'Partner CA' });
  const stranger = await initAuthority(join(directory, 'stranger'), { dev: true });
  const anchors = [
    anchorOf('own', ca, { uri: ['wardcc-user:'], email: ['@corp.example'] }),
    anchorOf('partner', partner, { upn: ['@partner.example'] }),
  ];
  return {
    ca, partner, stranger, anchors, crl: await ca.writeCrl(), partnerCrl: await partner.writeCrl(),
    server: await ca.issueServer([host]), alice: await ca.issueUser('alice'),
  };
};

const serverTrust = ({ ca, partner, crl, partnerCrl }: World): Trust => ({ ca: [ca.caPem, partner.caPem], crl: [crl, partnerCrl] });

const sides = (w: World, client: Partial<Sides['client']>, server: Partial<Sides['server']> = {}): Sides => ({
  server: { ...w.server, ...serverTrust(w), anchors: w.anchors, ...server },
  client: { host, ca: w.ca.caPem, crl: w.crl, ...client },
});

/** A list in the name of an issuer, signed with the key that is given. */
const listOf = (certPem: string, name: string, key: KeyObject): string =>
  signCrl({ number: 9, thisUpdate: new Date(Date.now() - hour), nextUpdate: new Date(Date.now() + hour), revoked: [] },
    { name, spki: new X509Certificate(certPem).publicKey.export({ type: 'spki', format: 'der' }), key });

type Row = [title: string, sides: (w: World) => Promise<Sides> | Sides, expected: { name: string; anchor: string } | { class: ErrorClass; code: ErrorCode; message: RegExp }];
const no = (code: ErrorCode, message: RegExp): { class: ErrorClass; code: ErrorCode; message: RegExp } => ({ class: 'authentication', code, message });

const asClient: Row[] = [
  ['a user of the CA is known by the name in the URI', (w) => sides(w, w.alice), { name: 'alice', anchor: 'own' }],
  ['an e-mail address counts with its domain in lower case', async (w) => sides(w, await w.ca.issueUser('al', { emails: ['Alice@CORP.example'] })), { name: 'Alice@corp.example', anchor: 'own' }],
  ['a partner is known by the user principal name', async (w) => sides(w, await w.partner.issueUser('x', { upns: ['carol@partner.example'] })), { name: 'carol@partner.example', anchor: 'partner' }],
  ['a name of a kind that does not count disturbs nothing', async (w) => sides(w, await w.ca.issueUser('x', { uris: ['wardcc-user:bob'], upns: ['bob@corp.example'] })), { name: 'bob', anchor: 'own' }],
  ['any trusted CA may assert what the anchor * allows', async (w) => sides(w, await w.partner.issueUser('dora'), { anchors: [{ id: 'any', ca: '*', names: { uri: ['wardcc-user:'], email: [], upn: [] } }] }), { name: 'dora', anchor: 'any' }],
  ['an address of its own CA may stand behind the prefix', async (w) => sides(w, await w.ca.issueUser('x', { uris: ['wardcc-user:al@corp.example'] })), { name: 'al@corp.example', anchor: 'own' }],
  ['an address that no CA is given may stand behind the prefix', async (w) => sides(w, await w.ca.issueUser('x', { uris: ['wardcc-user:al@elsewhere.example'] })), { name: 'al@elsewhere.example', anchor: 'own' }],
  ['no certificate', (w) => sides(w, {}), no('certificate-required', /none was sent/)],
  ['a CA that is not trusted, of the same name', async (w) => sides(w, await w.stranger.issueUser('alice')), no('certificate-invalid', /not issued by a CA that this server trusts|signature on your certificate/)],
  ['a CA that is not trusted, of another name', async (w) => sides(w, await w.partner.issueUser('alice'), { ca: w.ca.caPem, crl: w.crl }), no('certificate-invalid', /not issued by a CA that this server trusts/)],
  ['a self-signed certificate', (w) => sides(w, oddCertificate(w.ca, { subject: 'wardcc CA', names: [{ kind: 'uri', value: 'wardcc-user:alice' }], forged: true })), no('certificate-invalid', /signature on your certificate is wrong|not issued by a CA/)],
  ['an expired certificate', async (w) => sides(w, await w.ca.issueUser('alice', past)), no('certificate-expired', /^Your certificate has expired; ask for a new one\.$/)],
  ['a certificate that is not valid yet', async (w) => sides(w, await w.ca.issueUser('alice', future)), no('certificate-expired', /not valid yet; check the clocks/)],
  ['a revoked certificate', async (w) => {
    const bob = await w.ca.issueUser('bob');
    await w.ca.revoke(bob.serial, 'keyCompromise');
    return sides(w, bob, { crl: [await w.ca.writeCrl(), w.partnerCrl] });
  }, no('certificate-revoked', /^Your certificate was revoked; ask the administrator why/)],
  ['a revocation list that is out of date', async (w) => sides(w, w.alice, { crl: [await w.ca.writeCrl(past), w.partnerCrl] }), no('crl-expired', /out of date, so it can accept no certificate/)],
  ['a revocation list from the future', async (w) => sides(w, w.alice, { crl: [await w.ca.writeCrl(future), w.partnerCrl] }), no('crl-expired', /not valid yet/)],
  ['no revocation list of the CA', (w) => sides(w, w.alice, { crl: w.partnerCrl }), no('crl-missing', /has no revocation list of the CA/)],
  ['a revocation list that the CA did not sign', (w) => sides(w, w.alice, { crl: [listOf(w.ca.caPem, 'wardcc CA', generateKey().key), w.partnerCrl] }), no('crl-missing', /cannot be used/)],
  ['a server certificate used as client', (w) => sides(w, w.server), no('certificate-invalid', /^The certificate is that of a compile server, which may run no jobs\.$/)],
  ['a server certificate for servers alone', (w) => sides(w, oddCertificate(w.ca, { usage: [oids.serverAuth], names: uriAndDns('localhost', 'wardcc-server:localhost') })), no('certificate-invalid', /not for client authentication/)],
  ['a name and the marker of a server', (w) => sides(w, oddCertificate(w.ca, { names: uriAndDns('localhost', 'wardcc-server:localhost', 'wardcc-user:alice') })), no('certificate-invalid', /may run no jobs/)],
  ['a certificate without any extended key usage', (w) => sides(w, oddCertificate(w.ca, { usage: [], names: [{ kind: 'uri', value: 'wardcc-user:alice' }] })), no('certificate-invalid', /not for client authentication/)],
  ['a certificate for any purpose', (w) => sides(w, oddCertificate(w.ca, { usage: ['2.5.29.37.0'], names: [{ kind: 'uri', value: 'wardcc-user:alice' }] })), no('certificate-invalid', /not for client authentication/)],
  ['two names that match', async (w) => sides(w, await w.ca.issueUser('x', { uris: ['wardcc-user:alice', 'wardcc-user:bob'] })), no('name-ambiguous', /more than one name/)],
  ['two names of different kinds that match', async (w) => sides(w, await w.ca.issueUser('x', { uris: ['wardcc-user:alice'], emails: ['bob@corp.example'] })), no('name-ambiguous', /more than one name/)],
  ['the same name twice', async (w) => sides(w, await w.ca.issueUser('x', { uris: ['wardcc-user:alice', 'wardcc-user:alice'] })), no('name-ambiguous', /more than one name/)],
  ['no alternative name', (w) => sides(w, oddCertificate(w.ca, { subject: 'alice' })), no('name-not-allowed', /names nobody/)],
  ['only a host name', (w) => sides(w, oddCertificate(w.ca, { names: [{ kind: 'dns', value: 'localhost' }] })), no('name-not-allowed', /names nobody/)],
  ['an e-mail address of another domain', async (w) => sides(w, await w.ca.issueUser('x', { emails: ['alice@evilcorp.example'] })), no('name-not-allowed', /may not assert the name/)],
  ['an e-mail address below the domain', async (w) => sides(w, await w.ca.issueUser('x', { emails: ['alice@a.corp.example'] })), no('name-not-allowed', /may not assert the name/)],
  ['a trusted CA that asserts a name it may not', async (w) => sides(w, await w.partner.issueUser('alice')), no('name-not-allowed', /may not assert the name/)],
  ['a trusted CA that no anchor names', async (w) => sides(w, await w.partner.issueUser('alice'), { anchors: w.anchors.slice(0, 1) }), no('name-not-allowed', /No anchor of the policy/)],
  ['an address of one CA behind the prefix of another', async (w) => sides(w, await w.ca.issueUser('x', { uris: ['wardcc-user:carol@partner.example'] })), no('name-not-allowed', /^The CA that issued this certificate may not assert the name in it\.$/)],
  ['the same with the domain in capitals', async (w) => sides(w, await w.ca.issueUser('x', { uris: ['wardcc-user:carol@PARTNER.example'] })), no('name-not-allowed', /may not assert the name/)],
  ['an empty name behind the prefix', (w) => sides(w, oddCertificate(w.ca, { names: [{ kind: 'uri', value: 'wardcc-user:' }] })), no('name-not-allowed', /may not assert the name/)],
  ['a name with NUL in it', (w) => sides(w, oddCertificate(w.ca, { names: [{ kind: 'uri', value: 'wardcc-user:alice\0@evil' }] })), no('name-not-allowed', /may not assert the name/)],
  ['a name with a line break in it', (w) => sides(w, oddCertificate(w.ca, { names: [{ kind: 'email', value: 'bob@x\n@corp.example' }] })), no('name-not-allowed', /may not assert the name/)],
  ['an address with two @', (w) => sides(w, oddCertificate(w.ca, { names: [{ kind: 'email', value: 'root@x@corp.example' }] })), no('name-not-allowed', /may not assert the name/)],
  ['a name outside the name constraints of the CA', (w) => sides(w, oddCertificate(w.ca, { names: [{ kind: 'uri', value: 'wardcc-user:alice' }, { kind: 'dns', value: 'www.example.com' }] })), no('certificate-invalid', /breaks a rule of X\.509/)],
  ['a CA below a CA that may have none', (w) => {
    const below = oddCertificate(w.ca, { ca: true, usage: [], subject: 'Below CA' });
    const eve = oddCertificate(w.ca, { issuer: { ...below, name: 'Below CA' }, names: [{ kind: 'uri', value: 'wardcc-user:alice' }] });
    const crl = [w.crl, w.partnerCrl, listOf(below.certPem, 'Below CA', createPrivateKey(below.keyPem))];
    return sides(w, { certPem: eve.certPem + below.certPem, keyPem: eve.keyPem }, { crl });
  }, no('certificate-invalid', /breaks a rule of X\.509/)],
  ['a chain that ends in an unknown root, sent along', async (w) => {
    const eve = await w.stranger.issueUser('alice');
    const other = await initAuthority(join(w.ca.directory, '..', 'other'), { dev: true, name: 'Other CA' });
    const mallory = await other.issueUser('alice');
    return sides(w, { certPem: mallory.chainPem + eve.certPem, keyPem: mallory.keyPem });
  }, no('certificate-invalid', /not issued by a CA that this server trusts/)],
];

test('a server tells who a client is, or why it is nobody, over TLS 1.3', async (t) => {
  const w = await world(await temporaryDirectory(t));
  for (const [title, make, expected] of asClient) {
    const { server: found, client } = await meet(await make(w));
    t.is(client, 'accepted', title);
    if ('name' in expected) {
      t.like(found, expected, title);
      continue;
    }
    if (!(found instanceof WardError)) {
      t.fail(`${title}: ${JSON.stringify(found)}`);
      continue;
    }
    t.is(found.class, expected.class, title);
    t.is(found.code, expected.code, title);
    t.regex(found.message, expected.message, title);
  }
  t.log(`${asClient.length} rows`);
});

const uriAndDns = (...names: string[]): { kind: 'uri' | 'dns'; value: string }[] =>
  names.map((value) => ({ kind: value.includes(':') ? 'uri' as const : 'dns' as const, value }));
const serverAuth = [oids.serverAuth];

const asServer: [title: string, sides: (w: World) => Promise<Sides> | Sides, code: ErrorCode | 'accepted', message: RegExp][] = [
  ['the right server', (w) => sides(w, w.alice), 'accepted', /accepted/],
  ['the right server, the name written otherwise', (w) => sides(w, { ...w.alice, host: 'LOCALHOST' }), 'accepted', /accepted/],
  ['a marker with a host part', (w) => sides(w, w.alice, oddCertificate(w.ca, { usage: serverAuth, names: uriAndDns('localhost', 'wardcc-server://localhost') })), 'accepted', /accepted/],
  ['another name', (w) => sides(w, { ...w.alice, host: 'other.test' }), 'server-untrusted', /is not for other\.test/],
  ['a CA that is not trusted', async (w) => sides(w, w.alice, await w.partner.issueServer([host])), 'server-untrusted', /CA that issued the certificate of the server is not trusted here/],
  ['a CA of the same name that is not trusted', async (w) => sides(w, w.alice, await w.stranger.issueServer([host])), 'server-untrusted', /not issued by a CA that is trusted here|signature on the certificate of the server is wrong/],
  ['an expired certificate', async (w) => sides(w, w.alice, await w.ca.issueServer([host], past)), 'server-untrusted', /server has expired/],
  ['a certificate that is not valid yet', async (w) => sides(w, w.alice, await w.ca.issueServer([host], future)), 'server-untrusted', /server is not valid yet/],
  ['a revoked certificate', async (w) => {
    const stolen = await w.ca.issueServer([host]);
    await w.ca.revoke(stolen.serial);
    return sides(w, { ...w.alice, crl: await w.ca.writeCrl() }, stolen);
  }, 'server-untrusted', /server was revoked/],
  ['a revocation list of the client that is out of date', async (w) => sides(w, { ...w.alice, crl: await w.ca.writeCrl(past) }), 'crl-expired', /trust\.crl is out of date/],
  ['a client without a revocation list of the CA', (w) => sides(w, { ...w.alice, crl: w.partnerCrl }), 'server-untrusted', /or trust\.crl has no revocation list of it/],
  ['a revocation list that the CA did not sign', (w) => sides(w, { ...w.alice, crl: listOf(w.ca.caPem, 'wardcc CA', generateKey().key) }), 'crl-missing', /trust\.crl cannot be used/],
  ['a client certificate used as server', (w) => sides(w, w.alice, w.alice), 'server-untrusted', /not for servers/],
  ['no extended key usage', (w) => sides(w, w.alice, oddCertificate(w.ca, { usage: [], names: uriAndDns('localhost', 'wardcc-server:localhost') })), 'server-untrusted', /not for servers/],
  ['a host of the same CA that is no compile server', (w) => sides(w, w.alice, oddCertificate(w.ca, { usage: serverAuth, names: uriAndDns('localhost') })), 'server-untrusted', /not for a compile server/],
  ['the marker of another host', (w) => sides(w, w.alice, oddCertificate(w.ca, { usage: serverAuth, names: uriAndDns('localhost', 'wardcc-server:a.test') })), 'server-untrusted', /not for a compile server/],
  ['a wildcard', (w) => sides(w, { ...w.alice, host: 'a.test' }, oddCertificate(w.ca, { usage: serverAuth, names: uriAndDns('*.test', 'wardcc-server:a.test') })), 'server-untrusted', /is not for a\.test/],
  ['a host in the common name only', (w) => sides(w, w.alice, oddCertificate(w.ca, { usage: serverAuth, subject: 'localhost', names: uriAndDns('wardcc-server:localhost') })), 'server-untrusted', /is not for localhost/],
];

test('a client accepts exactly the compile server it asked for, over TLS 1.3', async (t) => {
  const w = await world(await temporaryDirectory(t));
  for (const [title, make, code, message] of asServer) {
    const { client } = await meet(await make(w));
    if (client === 'accepted') {
      t.is(client as string, code as string, title);
      continue;
    }
    t.true(client instanceof WardError, `${title}: ${client.message}`);
    t.is((client as WardError).class, 'authentication', title);
    t.is((client as WardError).code as string, code as string, title);
    t.regex(client.message, message, title);
  }
  t.log(`${asServer.length} rows`);
});

const bySettings: [verdict: string, code: ErrorCode, message: RegExp][] = [
  ['SELF_SIGNED_CERT_IN_CHAIN', 'server-untrusted', /; check peers\.ca in server\.jsonc\.$/],
  ['UNABLE_TO_GET_CRL', 'server-untrusted', /, or peers\.crl has no revocation list of it\.$/],
  ['CRL_SIGNATURE_FAILURE', 'crl-missing', /^The revocation list in peers\.crl cannot be used;/],
  ['CRL_HAS_EXPIRED', 'crl-expired', /^The revocation list in peers\.crl is out of date,/],
  ['CRL_NOT_YET_VALID', 'crl-expired', /^The revocation list in peers\.crl is not valid yet;/],
];

test('who trusts by other settings than those of client.jsonc is told which of them to look at', (t) => {
  for (const [verdict, code, message] of bySettings) {
    const error = serverRefusal(Object.assign(new Error(verdict), { code: verdict }), host, { ca: 'peers.ca in server.jsonc', crl: 'peers.crl' });
    t.like(error, { class: 'authentication', code }, verdict);
    t.regex(error!.message, message, verdict);
  }
});
