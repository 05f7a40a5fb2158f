import { spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { altNames } from '../../certs/altnames.ts';
import { certsCommand } from '../../ctl/certs.ts';
import { WardError, type ErrorCode } from '../../protocol/errors.ts';
import { temporaryDirectory } from '../fixtures/temporary.ts';

/** Runs `wardctl certs ARGS` in this process and returns what it printed. */
const run = async (...args: string[]): Promise<string> => {
  let printed = '';
  const write = process.stdout.write;
  process.stdout.write = (chunk: string | Uint8Array): boolean => {
    printed += chunk.toString();
    return true;
  };
  try {
    const command = certsCommand().exitOverride();
    await command.parseAsync(args, { from: 'user' });
  } finally {
    process.stdout.write = write;
  }
  return printed;
};

const refused = async (t: ExecutionContext, args: string[], code: ErrorCode, message: RegExp): Promise<void> => {
  const error = await t.throwsAsync(() => run(...args), { instanceOf: WardError, message });
  t.is(error?.code, code);
};

test.serial('a farm\'s certificates are made, listed and revoked from the command line', async (t) => {
  const directory = await temporaryDirectory(t);
  const ca = join(directory, 'ca');
  const pass = join(directory, 'pass');
  writeFileSync(pass, 'correct horse\nsecond line\n', { mode: 0o600 });
  const key = ['--dir', ca, '--passphrase-file', pass];
  const stem = (name: string): string => join(directory, name);
  t.regex(await run('init', ca, '--name', 'Corp CA', '--passphrase-file', pass, '--permit-dns', 'corp.example', '--permit-email', 'corp.example'), /is the certificate to trust/);
  await run('issue', ...key, '--out', stem('build'), '--server', 'build.corp.example', 'b2.corp.example');
  const made = JSON.parse(await run('issue', ...key, '--user', 'alice', '--email', 'alice@corp.example', '--days', '10', '--out', stem('alice'), '--json')) as { serial: string; notAfter: string; files: string[] };
  t.deepEqual(made.files, [stem('alice.pem'), stem('alice.key')]);
  t.is(Math.round((Date.parse(made.notAfter) - Date.now()) / 86_400_000), 10);
  t.deepEqual(altNames(new X509Certificate(readFileSync(stem('alice.pem')))), [{ kind: 'email', value: 'alice@corp.example' }]);
  t.is(statSync(stem('alice.key')).mode & 0o777, 0o600);
  t.is(spawnSync('openssl', ['req', '-new', '-newkey', 'ed25519', '-nodes', '-keyout', stem('bob.key'), '-out', stem('bob.csr'), '-subj', '/CN=bob']).status, 0);
  await run('sign', stem('bob.csr'), ...key, '--user', 'bob', '--out', stem('bob'));
  const verify = (name: string): number | null =>
    spawnSync('openssl', ['verify', '-x509_strict', '-CAfile', join(ca, 'ca.pem'), '-CRLfile', join(ca, 'crl.pem'), '-crl_check', stem(`${name}.pem`)]).status;
  t.deepEqual(['build', 'alice', 'bob'].map(verify), [0, 0, 0]);
  t.regex(await run('revoke', stem('alice.pem'), ...key, '--reason', 'keyCompromise'), /user alice, serial [0-9a-f]{32}, is revoked/);
  t.deepEqual(['build', 'alice', 'bob'].map(verify), [0, 2, 0]);
  await run('crl', ...key, '--days', '3');
  t.deepEqual(['build', 'alice', 'bob'].map(verify), [0, 2, 0]);
  const list = JSON.parse(await run('list', '--dir', ca, '--json')) as { name: string; status: string }[];
  t.deepEqual(list.map(({ name, status }) => [name, status]), [['build.corp.example', 'valid'], ['alice', 'revoked'], ['bob', 'valid']]);
  t.regex(await run('list', '--dir', ca), new RegExp(`^[0-9a-f]{32} {2}valid {4}server {2}until 20.*build\\.corp\\.example\\n${made.serial} {2}revoked {2}user`));
});

test.serial('mistakes are refused with a sentence, and nothing is overwritten', async (t) => {
  const directory = await temporaryDirectory(t);
  const ca = join(directory, 'ca');
  const alice = join(directory, 'alice');
  await run('init', ca, '--dev');
  await run('issue', '--dir', ca, '--user', 'alice', '--out', alice);
  const before = readFileSync(`${alice}.key`, 'utf8');
  await refused(t, ['issue', '--dir', ca, '--user', 'alice', '--out', alice], 'certs-refused', /alice\.pem exists already/);
  t.is(readFileSync(`${alice}.key`, 'utf8'), before);
  await refused(t, ['issue', '--dir', ca, '--out', join(directory, 'x')], 'usage', /either --server NAME… or --user NAME/);
  await refused(t, ['issue', '--dir', ca, '--user', 'a', '--server', 'localhost', '--out', join(directory, 'x')], 'usage', /either --server/);
  await refused(t, ['issue', '--dir', ca, '--server', 'localhost', '--email', 'a@b', '--out', join(directory, 'x')], 'usage', /name users/);
  await refused(t, ['issue', '--dir', directory, '--user', 'a', '--out', join(directory, 'x')], 'certs-refused', /holds no CA/);
  await refused(t, ['list', '--dir', directory], 'certs-refused', /holds no CA/);
  await refused(t, ['init', ca, '--dev'], 'certs-refused', /is not empty/);
  await refused(t, ['issue', '--dir', ca, '--user', 'a', '--out', join(directory, 'gone', 'x')], 'certs-refused', /gone\/x\.pem cannot be written \(ENOENT\)/);
  await refused(t, ['sign', join(directory, 'gone.csr'), '--dir', ca, '--user', 'a', '--out', join(directory, 'x')], 'certs-refused', /gone\.csr cannot be read \(ENOENT\)/);
  await refused(t, ['revoke', `${alice}.key`, '--dir', ca], 'certs-refused', /holds no certificate/);
  await refused(t, ['revoke', '0123', '--dir', ca], 'certs-refused', /no certificate with serial number 0123/);
  await refused(t, ['init', join(directory, 'gone', 'ca'), '--dev'], 'certs-refused', /cannot be made \(ENOENT\)/);
  t.false(existsSync(join(directory, 'x.key')));
});

test.serial('a passphrase comes from a file that only its owner can read', async (t) => {
  const directory = await temporaryDirectory(t);
  const pass = join(directory, 'pass');
  const init = ['init', join(directory, 'ca'), '--passphrase-file', pass];
  await refused(t, init, 'certs-refused', /cannot be read/);
  writeFileSync(pass, 'x\n', { mode: 0o600 });
  chmodSync(pass, 0o644);
  await refused(t, init, 'certs-refused', /open to others: chmod 600/);
  chmodSync(pass, 0o600);
  writeFileSync(pass, '\n');
  await refused(t, init, 'certs-refused', /is empty/);
  t.false(existsSync(join(directory, 'ca')));
});
