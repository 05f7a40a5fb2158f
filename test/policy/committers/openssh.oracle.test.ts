import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import * as fc from 'fast-check';
import { admits, parseAllowedSigners } from '../../../policy/committers/openssh/allowed-signers.ts';
import { temporaryDirectory } from '../../fixtures/temporary.ts';
import { mapSome, runOracle } from './run-oracle.ts';

const questions = 900;
const users = ['alice', 'bob', 'alice@corp.test', 'al'];
const namespaces = ['git', 'file', 'git.x'];
const times = ['20200101', '20240615123045Z', '20240615123046Z', '20260101000000', '202601010001', '20300101Z'];
const message = 'what is signed\n';

/** Milliseconds of a time that `ssh-keygen` was given. */
const toTime = (text: string): number => {
  const [, year, month, day, hour, minute, second, zone] = /^(.{4})(..)(..)(..)?(..)?(..)?(Z?)$/.exec(text) ?? [];
  const parts = [Number(year), Number(month) - 1, Number(day), Number(hour ?? 0), Number(minute ?? 0), Number(second ?? 0)] as const;
  return zone === 'Z' ? Date.UTC(...parts) : new Date(...parts).getTime();
};

const pick = (...values: string[]): fc.Arbitrary<string> => fc.constantFrom(...values);
const principals = fc.uniqueArray(pick(...users, '*', 'al*', '*@corp.test', '?lice', '!bob', '!alice@*', 'b?b', 'alice*'), { minLength: 1, maxLength: 3 }).map((list) => list.join(','));
const option = fc.oneof(
  { weight: 2, arbitrary: pick('namespaces="git"', 'namespaces="file,git.*"', 'namespaces="!file,*"', 'NameSpaces="g?t"', 'namespaces=""') },
  { weight: 2, arbitrary: pick(...times).map((time) => `valid-after="${time}"`) },
  { weight: 2, arbitrary: pick(...times).map((time) => `VALID-BEFORE="${time}"`) },
);
const options = fc.uniqueArray(option, { maxLength: 2, selector: (text) => text.slice(0, 9).toLowerCase() }).filter((list) => {
  const bound = (name: string): string | undefined => list.find((text) => text.toLowerCase().startsWith(name))?.split('"')[1];
  const [after, before] = [bound('valid-after'), bound('valid-before')];
  return after === undefined || before === undefined || toTime(after) < toTime(before);
});
const entry = fc.record({ principals, options, isQuoted: fc.boolean(), key: pick('plain', 'other', 'authority'), space: pick(' ', '\t', '   ') });
const file = fc.array(entry, { minLength: 1, maxLength: 5 });
const question = fc.record({ principal: pick(...users), namespace: pick(...namespaces), time: pick(...times), key: pick('plain', 'other', 'authority') });

test('every answer about a random list of allowed signers is that of ssh-keygen -Y verify', async (t) => {
  const directory = await temporaryDirectory(t);
  const keygen = async (...args: string[]): Promise<void> => {
    const { status, stderr } = await runOracle('ssh-keygen', args, { cwd: directory, input: message });
    t.is(status, 0, stderr);
  };
  for (const [name, type] of [['plain', 'ed25519'], ['other', 'ecdsa'], ['authority', 'ed25519']] as const) await keygen('-q', '-t', type, '-N', '', '-C', 'a comment', '-f', name);
  const keys = Object.fromEntries(['plain', 'other', 'authority'].map((name) => [name, readFileSync(join(directory, `${name}.pub`), 'utf8').trim()]));
  const sign = async (key: string, namespace: string, name: string): Promise<void> => {
    const { stdout, status, stderr } = await runOracle('ssh-keygen', ['-Y', 'sign', '-q', '-f', key, '-n', namespace], { cwd: directory, input: message });
    t.is(status, 0, stderr);
    writeFileSync(join(directory, `${name}.${namespace}.sig`), stdout);
  };
  for (const [index, user] of users.entries()) {
    // What the authority signs are certificates, each for one user.
    await keygen('-q', '-t', 'ed25519', '-N', '', '-f', `user${index}`);
    await keygen('-q', '-s', 'authority', '-I', user, '-n', user, `user${index}.pub`);
    for (const namespace of namespaces) await sign(`user${index}-cert.pub`, namespace, `authority${index}`);
  }
  for (const key of ['plain', 'other']) for (const namespace of namespaces) await sign(key, namespace, key);

  const seed = Math.floor(Math.random() * 2 ** 31);
  const samples = fc.sample(fc.tuple(file, fc.array(question, { minLength: 5, maxLength: 5 })), { numRuns: questions / 5, seed });
  const counts = { yes: 0, no: 0 };
  await mapSome(samples, 3, async ([lines, asked], index) => {
    const text = ['# who', ...lines.map((line) => {
      const list = [...line.options, ...(line.key === 'authority' ? ['cert-authority'] : [])].join(',');
      return [line.isQuoted ? `"${line.principals}"` : line.principals, ...(list === '' ? [] : [list]), keys[line.key]].join(line.space);
    }), ''].join('\n');
    const name = join(directory, `list${index}`);
    writeFileSync(name, text);
    const signers = parseAllowedSigners(text, name);
    for (const { principal, namespace, time, key } of asked) {
      const signature = key === 'authority' ? `authority${users.indexOf(principal)}` : key;
      const args = ['-Y', 'verify', '-f', name, '-I', principal, '-n', namespace, '-s', join(directory, `${signature}.${namespace}.sig`), `-Overify-time=${time}`];
      const { status, stderr } = await runOracle('ssh-keygen', args, { input: message });
      const wanted = Buffer.from(keys[key]?.split(' ')[1] ?? '', 'base64');
      const ours = signers.some((signer) => admits(signer, { principal, namespace, time: toTime(time) }) && signer.key.equals(wanted) && signer.isAuthority === (key === 'authority'));
      t.is(ours, status === 0, `seed ${seed}: ${principal} ${namespace} ${time} ${key} in\n${text}${stderr}`);
      counts[ours ? 'yes' : 'no'] += 1;
    }
  });
  t.log(`seed ${seed}: ${JSON.stringify(counts)}`);
  t.true(Math.min(counts.yes, counts.no) > questions / 20);
});
