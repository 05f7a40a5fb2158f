import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { parseAllowedSigners } from '../../../policy/committers/openssh/allowed-signers.ts';
import { readPublicKey } from '../../../policy/committers/openssh/public-key.ts';
import { allowedSignersReader } from '../../../policy/committers/openssh/reader.ts';
import { WardError } from '../../../protocol/errors.ts';
import { temporaryDirectory } from '../../fixtures/temporary.ts';
import { runOracle } from './run-oracle.ts';

const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJpTOy7IhyET/iUMO1aiEx+jQd+hKP7x5sqYEMiSYehI';

const refused: [text: string, column: number, message: RegExp][] = [
  ['alice', 1, /no list of principals followed by a key/],
  ['alice ssh-ed25519', 18, /no key behind its type/],
  [`"alice ${key}`, 1, /no list of principals followed by a key/],
  [`al"ice" ${key}`, 1, /no list of principals followed by a key/],
  [`"" ${key}`, 1, /list of principals is empty/],
  [`alice foo ${key}`, 7, /the option "foo" is unknown/],
  [`alice cert-authorities ${key}`, 7, /is unknown/],
  [`alice cert-authority, ${key}`, 7, /cannot follow an option/],
  [`alice valid-after=20260101 ${key}`, 7, /its value is not in quotes/],
  [`alice namespaces="git ${key}`, 7, /quotes are closed/],
  [`alice namespaces="a",namespaces="b" ${key}`, 7, /namespaces is there twice/],
  [`alice valid-after="2026" ${key}`, 7, /"2026" is no time/],
  [`alice valid-after="20261301" ${key}`, 7, /does not exist/],
  [`alice valid-after="20260230" ${key}`, 7, /does not exist/],
  [`alice valid-after="19690101Z" ${key}`, 7, /before 1970/],
  [`alice valid-after="20260102",valid-before="20260102" ${key}`, 7, /valid-before is not after/],
  ['alice ssh-ed25519 AAAA', 7, /base64 that is malformed|a string that is cut off/],
  [`alice ${key.replace('ssh-ed25519', 'ssh-rsa')}`, 7, /type that differs from that inside/],
  [`alice ${key.slice(0, -4)}`, 7, /a string that is cut off/],
  [`alice ssh-dss ${key.split(' ')[1] ?? ''}`, 7, /the option "ssh-dss" is unknown/],
];

test('what is wrong with a list of allowed signers is said with its line and column', (t) => {
  for (const [text, column, message] of refused) {
    const error = t.throws(() => parseAllowedSigners(`# c\n${text}\n`, 'signers'), { instanceOf: WardError, message }, text);
    t.is(error?.code, 'config-invalid', text);
    t.is(error?.at, `signers:2:${column}`, text);
  }
});

test('keys of every type that ssh-keygen makes are read, and none with a byte changed in its structure', async (t) => {
  const directory = await temporaryDirectory(t);
  for (const [type, bits] of [['ed25519', '0'], ['ecdsa', '256'], ['ecdsa', '384'], ['ecdsa', '521'], ['rsa', '2048']] as const) {
    const file = join(directory, `${type}${bits}`);
    const { status, stderr } = await runOracle('ssh-keygen', ['-q', '-t', type, ...(bits === '0' ? [] : ['-b', bits]), '-N', '', '-f', file]);
    t.is(status, 0, stderr);
    const [name = '', base64 = ''] = readFileSync(`${file}.pub`, 'utf8').split(' ');
    const bytes = readPublicKey(name, base64);
    for (let index = 0; index < 4 + name.length; index += 1) {
      const changed = Buffer.from(bytes);
      changed[index] = (changed[index] ?? 0) ^ 1;
      t.throws(() => readPublicKey(name, changed.toString('base64')), undefined, `${name} ${index}`);
    }
    t.throws(() => readPublicKey(name, Buffer.concat([bytes, Buffer.alloc(4)]).toString('base64')), { message: /parts/ });
    t.throws(() => readPublicKey(name, bytes.subarray(0, -1).toString('base64')), { message: /cut off|point/ });
    if (type === 'ecdsa') {
      const off = Buffer.from(bytes);
      off[off.length - 1] = (off[off.length - 1] ?? 0) ^ 1;
      t.throws(() => readPublicKey(name, off.toString('base64')), undefined, 'a point beside the curve');
    }
  }
});

test('the source knows whose signature counts for git now', async (t) => {
  const file = join(await temporaryDirectory(t), 'signers');
  writeFileSync(file, `# committers\n\nalice,ann ${key} alice's key\n"bob" namespaces="file" ${key}\ncarol valid-before="20200101" ${key}\ndave valid-after="20200101",namespaces="git,file" ${key}\r\n`);
  const membership = await allowedSignersReader({ file }).read();
  t.deepEqual(membership.names, ['alice', 'ann', 'dave']);
  for (const name of ['bob', 'carol', 'Alice', '', 'alice,ann']) t.false(membership.has(name), name);
  t.deepEqual((await allowedSignersReader({ file, namespace: 'file' }).read()).names, ['alice', 'ann', 'bob', 'dave']);
});

test('a right ends at the time its line says, without the file being read again', async (t) => {
  const file = join(await temporaryDirectory(t), 'signers');
  const end = new Date(Date.now() + 6000);
  const text = `${end.toISOString().slice(0, 19).replaceAll(/[-:T]/g, '')}Z`;
  writeFileSync(file, `alice valid-before="${text}" ${key}\n`);
  const membership = await allowedSignersReader({ file }).read();
  t.true(membership.has('alice'));
  t.deepEqual(membership.names, ['alice']);
  await new Promise((done) => setTimeout(done, end.getTime() - Date.now() + 100));
  t.false(membership.has('alice'));
  t.deepEqual(membership.names, []);
});

test('a list with wildcards cannot say who the committers are', async (t) => {
  const file = join(await temporaryDirectory(t), 'signers');
  writeFileSync(file, `*@corp.test,!eve@* ${key}\n`);
  const membership = await allowedSignersReader({ file }).read();
  t.is(membership.names, undefined);
  t.true(membership.has('alice@corp.test'));
  t.false(membership.has('eve@corp.test'));
  t.false(membership.has('alice@corp.test.evil'));
});
