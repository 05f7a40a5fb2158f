import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { initAuthority } from '../../../certs/authority.ts';
import { PEER_SERVERNAME } from '../../../protocol/transport.ts';
import { ClientAuthorities } from '../../../server/front/authenticate-cert.ts';
import { Listener } from '../../../server/front/listener.ts';
import { temporaryDirectory } from '../../fixtures/temporary.ts';
import { until } from '../../protocol/pair.ts';

const program = join(import.meta.dirname, '../../fixtures/two-names.py');

/** A listener with a CA for people and another one for servers, and what became of those who came. */
const listening = async (t: ExecutionContext<unknown>) => {
  const directory = await temporaryDirectory(t);
  const file = (name: string, text: string): string => {
    writeFileSync(join(directory, name), text, { mode: 0o600 });
    return join(directory, name);
  };
  const made = async (name: string) => {
    const authority = await initAuthority(join(directory, name), { dev: true });
    const authorities = new ClientAuthorities({ clientCa: file(`${name}.pem`, authority.caPem), crl: file(`${name}.crl`, await authority.writeCrl()) });
    const { certPem, keyPem } = await authority.issueServer(['localhost']);
    return { authorities, cert: file(`${name}.cert`, certPem), key: file(`${name}.key`, keyPem) };
  };
  const [people, servers] = [await made('people'), await made('servers')];
  const refusals: string[] = [];
  const listener = new Listener(
    { listen: [{ host: '127.0.0.1', port: 0 }], tls: { cert: servers.cert, key: servers.key }, connections: { total: 10, perAddress: 10 } },
    { people: people.authorities, peers: servers.authorities },
    { connection: () => t.fail('nobody opens a WebSocket here'), refused: (_, why) => refusals.push(why) },
  );
  const [where] = await listener.listen();
  t.teardown(() => listener.close());
  const come = (holder: { readonly cert: string; readonly key: string }, first: string, second: string) =>
    promisify(execFile)('/usr/bin/python3', [program, String(where?.port), holder.cert, holder.key, first, second], { timeout: 20_000 });
  return { people, servers, refusals, come };
};

test('whose certificates count is chosen by the name that is believed afterwards: who says two names is refused', async (t) => {
  const { people, servers, refusals, come } = await listening(t);
  const attempts = [[people, 'localhost', PEER_SERVERNAME], [people, '', PEER_SERVERNAME], [servers, PEER_SERVERNAME, 'localhost']] as const;
  for (const [index, [holder, first, second]] of attempts.entries()) {
    t.is((await come(holder, first, second)).stdout, 'done\n');
    await until(() => refusals.length > index);
  }
  t.deepEqual(refusals, attempts.map(() => 'TLS: two server names'));
});

test('who says the same name twice is not', async (t) => {
  const { people, servers, refusals, come } = await listening(t);
  const coming = [[people, 'localhost'], [people, ''], [servers, PEER_SERVERNAME]] as const;
  // Nothing is asked for, so the server's own deadline or this one ends it.
  const ends = coming.map(([holder, name]) => come(holder, name, name).then(() => {}, () => {}));
  await Promise.race([Promise.all(ends), new Promise((resolve) => setTimeout(resolve, 2_000))]);
  t.deepEqual(refusals.filter((why) => why.startsWith('TLS')), []);
  await Promise.all(ends);
});
