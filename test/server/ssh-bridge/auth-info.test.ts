import { execFileSync } from 'node:child_process';
import { chmodSync, linkSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { WardError } from '../../../protocol/errors.ts';
import { parseAuthInfo, readAuthInfo } from '../../../server/ssh-bridge/auth-info.ts';

const key = 'publickey ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEvC6ho/GePtDxZgMcjGQSjNMmhnNWQ4ZBdSpXJ1q0Bf\n';

/** A name as sshd makes it, in the place where it makes it. */
const place = (t: ExecutionContext<unknown>): string => {
  const path = `/tmp/sshauth.${randomBytes(12).toString('hex').slice(0, 15)}`;
  t.teardown(() => rmSync(path, { recursive: true, force: true }));
  return path;
};

const write = (path: string, text: string, mode = 0o600): string => {
  writeFileSync(path, text, { mode });
  chmodSync(path, mode);
  return path;
};

test('each line is a method and what it has to say', (t) => {
  t.deepEqual(readAuthInfo(write(place(t), `${key}gssapi-with-mic alice@CORP.EXAMPLE\nkeyboard-interactive/pam\npassword\n`)), [
    { method: 'publickey', value: key.trim().slice('publickey '.length) },
    { method: 'gssapi-with-mic', value: 'alice@CORP.EXAMPLE' },
    { method: 'keyboard-interactive/pam', value: '' },
    { method: 'password', value: '' },
  ]);
});

const refusals: readonly (readonly [what: string, prepare: (path: string) => string | undefined, message: RegExp])[] = [
  ['no variable', () => undefined, /does not say whom it verified/],
  ['an empty variable', () => '', /does not say whom it verified/],
  ['another place', () => '/etc/passwd', /names a file that sshd does not make/],
  ['a way back out of the place', (path) => `${path}/../../etc/passwd`, /names a file that sshd does not make/],
  ['a relative path', () => 'tmp/sshauth.AAAAAAAAAAAAAAA', /names a file that sshd does not make/],
  ['a file that is not there', (path) => path, /cannot be opened/],
  ['a link', (path) => { symlinkSync('/etc/passwd', path); return path; }, /cannot be opened/],
  ['a directory', (path) => { mkdirSync(path, 0o600); return path; }, /not name a regular file/],
  ['a pipe', (path) => { execFileSync('mkfifo', ['-m', '600', path]); return path; }, /not name a regular file/],
  ['a file with a second name', (path) => { linkSync(write(path, key), `${path}x`); rmSync(`${path}y`, { force: true }); return path; }, /not name a regular file/],
  ['a file that others can read', (path) => write(path, key, 0o640), /does not have mode 0600/],
  ['a file that runs as its owner', (path) => write(path, key, 0o4600), /does not have mode 0600/],
  ['an empty file', (path) => write(path, ''), /empty or too large/],
  ['a file of more than 64 KiB', (path) => write(path, key.repeat(900)), /empty or too large/],
  ['bytes that are no text', (path) => { writeFileSync(path, Buffer.from([0x70, 0xff, 0x0a]), { mode: 0o600 }); return path; }, /cannot be read/],
  ['a line without an end', (path) => write(path, key.trim()), /not say completely/],
  ['a line that is no method', (path) => write(path, `${key}\n`), /no authentication method/],
  ['an upper case method', (path) => write(path, 'PUBLICKEY x\n'), /no authentication method/],
  ['more methods than there are', (path) => write(path, 'password\n'.repeat(17)), /more methods/],
];

for (const [what, prepare, message] of refusals) {
  test(`${what} names nobody`, (t) => {
    const path = place(t);
    t.teardown(() => rmSync(`${path}x`, { force: true }));
    t.throws(() => readAuthInfo(prepare(path)), { instanceOf: WardError, code: 'ssh-refused', message });
  });
}

test('any text is understood as methods, or refused with a code', (t) => {
  fc.assert(fc.property(fc.string({ maxLength: 200 }), (text) => {
    try {
      return parseAuthInfo(text).every(({ method, value }) => text.includes(method) && text.includes(value));
    } catch (error) {
      return error instanceof WardError && error.code === 'ssh-refused';
    }
  }));
  t.pass();
});
