import { Ajv2020 } from 'ajv/dist/2020.js';
import { Ajv } from 'ajv';
import test from 'ava';
import { clientConfigSchema } from '../../client/config.ts';
import { farmTrustSchema } from '../../policy/farm-file.ts';
import { farmSchema } from '../../policy/farm.ts';
import { eventSchema } from '../../policy/log/events.ts';
import { policySchema } from '../../policy/schema.ts';
import { schemas as messageSchemas } from '../../protocol/schemas.ts';
import { serverConfigSchema } from '../../server/config.ts';

const files = { clientConfigSchema, farmTrustSchema, farmSchema, eventSchema, policySchema, serverConfigSchema };

test('the schema of every file is one itself: programs do not ask when they start', (t) => {
  for (const [name, schema] of Object.entries(files)) {
    t.notThrows(() => new Ajv2020({ strict: true, allowUnionTypes: true, validateSchema: true }).compile(schema), name);
  }
  t.throws(() => new Ajv2020({ validateSchema: true }).compile({ type: 'objet' }), { message: /schema is invalid/ });
});

test('the schema of every message is one itself', (t) => {
  for (const [type, schema] of Object.entries(messageSchemas)) t.notThrows(() => new Ajv({ strict: true, validateSchema: true }).compile(schema), type);
  t.true(Object.keys(messageSchemas).length >= 9);
});
