import { chmodSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { probeDirectory, probeSecret, probeSettings } from '../../../server/doctor/files.ts';
import { temporaryDirectory } from '../../fixtures/temporary.ts';

test('a key that others may read fails, and the remedy says what to do', async (t) => {
  const directory = await temporaryDirectory(t);
  const key = join(directory, 'server.key');
  writeFileSync(key, '', { mode: 0o600 });
  t.is(probeSecret('TLS key', key).grade, 'PASS');
  chmodSync(key, 0o640);
  t.deepEqual(probeSecret('TLS key', key), {
    probe: 'TLS key',
    grade: 'FAIL',
    says: `${key} can be read or written by others (mode 640).`,
    remedy: `chmod 600 ${key}, and replace the key if somebody may have read it.`,
  });
});

test('settings that others may write fail, those that others may read do not', async (t) => {
  const directory = await temporaryDirectory(t);
  const policy = join(directory, 'policy.jsonc');
  writeFileSync(policy, '{}', { mode: 0o644 });
  t.is(probeSettings('policy', policy).grade, 'PASS');
  chmodSync(policy, 0o664);
  t.is(probeSettings('policy', policy).grade, 'FAIL');
});

test('a directory above that others may write in counts as much', async (t) => {
  const directory = await temporaryDirectory(t);
  const open = join(directory, 'open');
  mkdirSync(open);
  const file = join(open, 'policy.jsonc');
  writeFileSync(file, '{}', { mode: 0o600 });
  chmodSync(open, 0o777);
  for (const probe of [probeSettings, probeSecret]) {
    const finding = probe('x', file);
    t.is(finding.grade, 'FAIL');
    t.is(finding.says, `${open}, above ${file}, can be written by others.`);
    t.is(finding.remedy, `chmod go-w ${open}`);
  }
  chmodSync(open, 0o1777);
  t.is(probeSettings('x', file).grade, 'PASS');
});

test('a directory is tried by writing, and left as it was', async (t) => {
  const directory = await temporaryDirectory(t);
  t.not(probeDirectory('disk: state', join(directory, 'state')).grade, 'FAIL');
  t.deepEqual(readdirSync(join(directory, 'state')), []);
  writeFileSync(join(directory, 'file'), '');
  t.throws(() => probeDirectory('disk: state', join(directory, 'file')));
});
