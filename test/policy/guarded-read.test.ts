import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { readGuardedSync } from '../../policy/guarded-read.ts';
import { WardError } from '../../protocol/errors.ts';
import { temporaryDirectory } from '../fixtures/temporary.ts';

test('a secret is read only while nobody but its owner may', async (t) => {
  const file = join(await temporaryDirectory(t), 'server.key');
  writeFileSync(file, 'key', { mode: 0o600 });
  t.is(readGuardedSync(file, { maxBytes: 10, secret: true }).toString(), 'key');
  for (const mode of [0o640, 0o604, 0o660, 0o610, 0o644]) {
    chmodSync(file, mode);
    t.throws(() => readGuardedSync(file, { maxBytes: 10, secret: true }), {
      instanceOf: WardError, code: 'config-invalid', message: (mode & 0o002) === 0 ? `${file}: others may read this secret: chmod 600` : /./,
    }, mode.toString(8));
  }
});

test('what everybody may write or replace, also at the end of a link, decides nothing', async (t) => {
  const directory = await temporaryDirectory(t);
  const file = join(directory, 'crl.pem');
  writeFileSync(file, 'list', { mode: 0o644 });
  t.is(readGuardedSync(file, { maxBytes: 10 }).toString(), 'list');
  chmodSync(file, 0o646);
  const refused = (path: string, message: string): void => {
    t.throws(() => readGuardedSync(path, { maxBytes: 10 }), { instanceOf: WardError, code: 'config-invalid', message: `${path}: ${message}` });
  };
  refused(file, 'everybody may write this file, so it decides nothing: chmod o-w');
  chmodSync(file, 0o644);
  const open = join(directory, 'open');
  mkdirSync(open);
  chmodSync(open, 0o777);
  writeFileSync(join(open, 'crl.pem'), 'list');
  const link = join(directory, 'link.pem');
  symlinkSync(join(open, 'crl.pem'), link);
  refused(link, `everybody may put another file in its place: chmod o-w ${open}`);
});

test('a file that is absent, too large, or no file is refused with its name', async (t) => {
  const directory = await temporaryDirectory(t);
  const file = join(directory, 'x');
  const refused = (path: string, message: string): void => {
    t.throws(() => readGuardedSync(path, { maxBytes: 3 }), { instanceOf: WardError, code: 'config-invalid', message: `${path}: ${message}` });
  };
  refused(file, 'there is no such file');
  writeFileSync(file, 'four');
  refused(file, 'the file is larger than 3 bytes');
  refused(directory, 'this is not a regular file');
  // Nobody writes to it: whoever waited for that would wait for ever.
  execFileSync('mkfifo', [join(directory, 'pipe')]);
  refused(join(directory, 'pipe'), 'this is not a regular file');
});
