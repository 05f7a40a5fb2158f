import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { WardError } from '../../protocol/errors.ts';
import { loadServerConfig, type ServerConfig } from '../../server/config.ts';
import { temporaryDirectory } from '../fixtures/temporary.ts';

const needed = { policy: 'policy.jsonc', state: 'state', run: 'run', log: 'log' };

const load = async (t: ExecutionContext, parts: object): Promise<{ directory: string; config: ServerConfig }> => {
  const directory = await temporaryDirectory(t);
  const file = join(directory, 'server.jsonc');
  writeFileSync(file, JSON.stringify({ name: 'build1.corp.example', tls: { cert: 'c', key: 'k' }, ...needed, ...parts }));
  return { directory, config: await loadServerConfig(file) };
};

test('a keytab is enough: the service is wardcc and the server\'s name, and no CA of people is needed', async (t) => {
  const { directory, config } = await load(t, { krb5: { keytab: 'wardcc.keytab' } });
  t.deepEqual(config.krb5, { keytab: join(directory, 'wardcc.keytab'), service: 'wardcc/build1.corp.example', config: undefined });
  t.is(config.clients, undefined);
  t.is((await load(t, {})).config.krb5, undefined);
});

test('service and krb5.conf can be named', async (t) => {
  const { directory, config } = await load(t, { krb5: { keytab: '/k', service: 'HTTP/farm@CORP.EXAMPLE', config: 'krb5.conf' } });
  t.deepEqual(config.krb5, { keytab: '/k', service: 'HTTP/farm@CORP.EXAMPLE', config: join(directory, 'krb5.conf') });
});

for (const [title, parts] of [
  ['a service without a host', { krb5: { keytab: 'k', service: 'wardcc' } }],
  ['a service with an escape', { krb5: { keytab: 'k', service: 'wardcc/a\\@b' } }],
  ['no keytab', { krb5: {} }],
  ['a CA without a revocation list', { tls: { cert: 'c', key: 'k', clientCa: 'ca' } }],
] as const) {
  test(`${title} is refused`, async (t) => {
    await t.throwsAsync(load(t, parts), { instanceOf: WardError, code: 'config-invalid' });
  });
}
