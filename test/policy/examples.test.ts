import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { clientConfigSchema } from '../../client/config.ts';
import { loadFarm } from '../../policy/farm.ts';
import { readJsonc } from '../../policy/jsonc.ts';
import { WardError } from '../../protocol/errors.ts';
import { loadServerConfig, serverConfigSchema } from '../../server/config.ts';
import { temporaryDirectory } from '../fixtures/temporary.ts';

const example = (name: string): string => join(import.meta.dirname, '../../policy/examples', name);

/** An example is full: it shows every key that the schema knows. */
const missing = (shown: object, schema: { properties: object }, hidden: readonly string[] = []): string[] =>
  Object.keys(schema.properties).filter((key) => key !== '$schema' && !hidden.includes(key) && !Object.hasOwn(shown, key));

test('the example of a server is in order and shows every setting', async (t) => {
  t.deepEqual(missing(await readJsonc<object>(example('server.jsonc'), serverConfigSchema), serverConfigSchema, ['cgroup']), []);
  t.is((await loadServerConfig(example('server.jsonc'))).name, 'build1.corp.example');
});

test('the example of a client is in order and shows every setting', async (t) => {
  t.deepEqual(
    missing(await readJsonc<object>(example('client.jsonc'), clientConfigSchema), clientConfigSchema as { properties: object }),
    [],
  );
});

test('the example of a farm is in order, and its keys are keys', async (t) => {
  const farm = await loadFarm(example('farm.jsonc'));
  t.deepEqual([farm.serial, farm.epoch, [...farm.servers.keys()]], [1, 1, ['build1.corp.example', 'build2.corp.example']]);
  t.regex([...farm.servers.get('build1.corp.example')!.resultKeys.keys()][0]!, /^[0-9a-f]{16}$/);
});

for (const [title, servers, at, message] of [
  ['a server that comes twice', '{"name": "a"}, {"name": "a" }', '"a" }', 'the server "a" is here for the second time'],
  [
    'a key that is none',
    '{"name": "a", "resultKeys": ["MCowBQYDK2VwAyEA"]}',
    '"MCow',
    "servers[0].resultKeys[0] must be the line of base64 in the server's result-key.pub.pem",
  ],
  ['a name that is no host', '{"name": "a b"}', '"a b"', "servers[0].name must be the host name in the server's certificate"],
  ['no server at all', '', '[]', 'servers must not be empty'],
] as const) {
  test(`a farm file is refused with its position for ${title}`, async (t) => {
    const file = join(await temporaryDirectory(t), 'farm.jsonc');
    const text = `{"serial": 1, "epoch": 1, "servers": [${servers}]}`;
    writeFileSync(file, text);
    const error = await t.throwsAsync(loadFarm(file), { instanceOf: WardError });
    t.deepEqual(
      [error?.code, error?.at, error?.message],
      ['config-invalid', `${file}:1:${text.indexOf(at) + 1}`, `${file}:1:${text.indexOf(at) + 1}: ${message}`],
    );
  });
}
