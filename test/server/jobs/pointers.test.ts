import test from 'ava';
import { signResult } from '../../../policy/log/checkpoint.ts';
import { WardError } from '../../../protocol/errors.ts';
import type { Pointer } from '../../../protocol/messages.ts';
import { statementOf, type Claim } from '../../../protocol/statement.ts';
import { Pointers } from '../../../server/jobs/pointers.ts';
import { resultKey } from '../../fixtures/signed-farm.ts';

const key = resultKey();
const farm = { epoch: 7, servers: new Map([['build2', { name: 'build2', resultKeys: new Map([[key.id, key.key]]) }]]) };
const alice = { domains: new Set(['project:default']), committer: 'alice' };

const pointer = (changes: { action?: string; epoch?: number; domain?: string; server?: string; claimed?: Partial<Claim> } = {}): Pointer => {
  const { action = 'a'.repeat(64), epoch = 7, domain = 'project:default', server = 'build2', claimed = {} } = changes;
  const claim: Claim = {
    server, epoch, job: 1, principal: 'cert:alice', domain, policy: 'd'.repeat(64), toolchain: 'e'.repeat(64), action, finished: '2026-01-01T00:00:00.000Z',
  };
  const part = { digest: 'b'.repeat(64), size: 1 };
  const text = (of: Claim): string => statementOf(of, { stdout: part, stderr: part, outputs: [] }, []);
  return { type: 'pointer', statement: text({ ...claim, ...claimed }), key: key.id, signature: signResult(text(claim), key.key) };
};

test('where a result lies that a keeper of the farm has signed is found again, by its action alone', (t) => {
  const pointers = new Pointers('build1', () => farm);
  pointers.keep(pointer(), alice);
  t.is(pointers.find('a'.repeat(64)), 'build2');
  t.is(pointers.find('c'.repeat(64)), undefined);
});

test('a result that only its owner may have again is found by its owner', (t) => {
  const pointers = new Pointers('build1', () => farm);
  pointers.keep(pointer({ domain: JSON.stringify(['project:default', 'alice']) }), alice);
  t.is(pointers.find('a'.repeat(64)), 'build2');
});

for (const [title, changes, code] of [
  ['of another domain', { domain: 'project:secret' }, 'policy-denied'],
  ['of somebody else\'s own results', { domain: JSON.stringify(['project:default', 'bob']) }, 'policy-denied'],
  ['to a server that the farm file does not name', { server: 'build9' }, 'result-untrusted'],
  ['of an older epoch', { epoch: 6 }, 'result-untrusted'],
  ['with a signature for another action', { claimed: { action: 'c'.repeat(64) } }, 'result-untrusted'],
  ['with a signature for another domain', { claimed: { domain: 'project:other' } }, 'result-untrusted'],
] as const) {
  test(`a pointer ${title} is refused`, (t) => {
    const pointers = new Pointers('build1', () => farm);
    const message = code === 'policy-denied' ? /in which this session has no work/ : /not signed by a keeper of this farm/;
    t.throws(() => pointers.keep(pointer(changes), alice), { instanceOf: WardError, code, message });
    t.is(pointers.find('a'.repeat(64)), undefined);
  });
}

for (const statement of ['', 'null', '{}', '[]', '{"predicate":{}}', '{"predicate":{"buildDefinition":{"externalParameters":{},"internalParameters":{}},"runDetails":{"builder":{"id":1}}}}']) {
  test(`a pointer whose statement is ${statement === '' ? 'empty' : statement} is refused`, (t) => {
    const pointers = new Pointers('build1', () => farm);
    const wrong: Pointer = { type: 'pointer', statement, key: key.id, signature: signResult(statement, key.key) };
    t.throws(() => pointers.keep(wrong, alice), { instanceOf: WardError, code: 'result-untrusted', message: /not signed by a keeper/ });
  });
}

test('without a farm file nobody is believed, and a server keeps no pointer to itself', (t) => {
  const alone = new Pointers('build1', () => undefined);
  alone.keep(pointer(), alice);
  const self = new Pointers('build2', () => farm);
  self.keep(pointer(), alice);
  for (const pointers of [alone, self]) t.is(pointers.find('a'.repeat(64)), undefined);
});

test('only so many pointers are kept, and those that are used stay', (t) => {
  const pointers = new Pointers('build1', () => farm, 2);
  for (const digit of ['1', '2']) pointers.keep(pointer({ action: digit.repeat(64) }), alice);
  t.is(pointers.find('1'.repeat(64)), 'build2');
  pointers.keep(pointer({ action: '3'.repeat(64) }), alice);
  t.deepEqual(['1', '2', '3'].map((digit) => pointers.find(digit.repeat(64))), ['build2', undefined, 'build2']);
});
