import { execFileSync } from 'node:child_process';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { parseSshKey } from '../../../certs/openssh/key.ts';
import { WardError } from '../../../protocol/errors.ts';
import { SshRevocations } from '../../../server/front/ssh-revocations.ts';
import { temporaryDirectory } from '../../fixtures/temporary.ts';

/** Byte 20 is where the date begins: behind eight of magic, four of format and eight of version. */
const made = (list: Buffer, seconds: number): Buffer => {
  const dated = Buffer.from(list);
  dated.writeBigUInt64BE(BigInt(seconds), 20);
  return dated;
};

test('a list of revoked keys that is older, does not say when it was made, or may be written by everybody does not replace the one in force', async (t) => {
  const directory = await temporaryDirectory(t);
  const file = (name: string): string => join(directory, name);
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', file('key')]);
  execFileSync('ssh-keygen', ['-q', '-k', '-f', file('none'), '/dev/null']);
  execFileSync('ssh-keygen', ['-q', '-k', '-f', file('krl'), file('key.pub')]);
  const [list, none] = [readFileSync(file('krl')), readFileSync(file('none'))];
  const text = readFileSync(file('key.pub'), 'latin1');
  const key = parseSshKey(text);
  writeFileSync(file('krl'), made(list, 2_000));
  const revocations = new SshRevocations(file('krl'));
  const refused = (content: Buffer | string, message: RegExp): void => {
    writeFileSync(file('krl'), content);
    t.throws(() => revocations.reload(), { instanceOf: WardError, code: 'config-invalid', message });
    t.true(revocations.current.has(key));
  };
  refused(made(none, 1_999), /krl: this list of revoked SSH keys is older than the one in force/);
  refused('', /does not say when it was made/);
  refused(text, /does not say when it was made/);
  chmodSync(file('krl'), 0o666);
  refused(made(none, 3_000), /krl: everybody may write this file, so it decides nothing: chmod o-w/);
  chmodSync(file('krl'), 0o644);
  revocations.reload();
  t.false(revocations.current.has(key));
});
