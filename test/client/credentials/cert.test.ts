import { chmodSync, mkdirSync, renameSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { initAuthority, type Authority } from '../../../certs/authority.ts';
import { defaultCertPaths, loadCert, type CertPaths } from '../../../client/credentials/cert.ts';
import { watchCert } from '../../../client/credentials/watch.ts';
import { WardError, type ErrorCode } from '../../../protocol/errors.ts';
import { temporaryDirectory } from '../../fixtures/temporary.ts';

interface Home {
  readonly directory: string;
  readonly ca: Authority;
  readonly paths: CertPaths;
}

const install = ({ cert, key }: CertPaths, { certPem, keyPem }: { certPem: string; keyPem: string }): void => {
  writeFileSync(cert, certPem);
  writeFileSync(key, keyPem, { mode: 0o600 });
};

const home = async (t: ExecutionContext): Promise<Home> => {
  const directory = await temporaryDirectory(t);
  const ca = await initAuthority(join(directory, 'ca'), { dev: true });
  const paths = defaultCertPaths(directory);
  mkdirSync(join(directory, '.config', 'wardcc'), { recursive: true });
  return { directory, ca, paths };
};

const refused = (t: ExecutionContext, paths: CertPaths, code: ErrorCode, message: RegExp): void => {
  const error = t.throws(() => loadCert(paths), { instanceOf: WardError, message });
  t.is(error?.class, 'authentication');
  t.is(error?.code, code);
};

test('a good certificate is loaded with its end and its fingerprint', async (t) => {
  const { ca, paths, directory } = await home(t);
  t.deepEqual(paths, { cert: join(directory, '.config/wardcc/cert.pem'), key: join(directory, '.config/wardcc/key.pem') });
  const issued = await ca.issueUser('alice');
  install(paths, issued);
  const credential = loadCert(paths);
  t.is(credential.expires, Math.floor(issued.notAfter.getTime() / 1000) * 1000);
  t.is(credential.fingerprint, ca.list()[0]?.fingerprint ?? '');
  t.is(credential.certPem, issued.certPem);
});

test('a certificate or key that is missing, unreadable or no such thing is a missing credential', async (t) => {
  const { ca, paths } = await home(t);
  refused(t, paths, 'credential-missing', /^There is no client certificate at .*cert\.pem; install one, or name yours/);
  const issued = await ca.issueUser('alice');
  install(paths, issued);
  unlinkSync(paths.key);
  refused(t, paths, 'credential-missing', /^There is no key at /);
  mkdirSync(paths.key);
  refused(t, paths, 'credential-missing', /is not a regular file/);
  install({ cert: paths.cert, key: `${paths.key}2` }, issued);
  execFileSync('mkfifo', [`${paths.key}3`]);
  refused(t, { cert: paths.cert, key: `${paths.key}3` }, 'credential-missing', /is not a regular file/);
  refused(t, { cert: `${paths.key}2`, key: `${paths.key}2` }, 'credential-missing', /holds no certificate/);
  writeFileSync(`${paths.key}4`, issued.certPem, { mode: 0o600 });
  refused(t, { cert: paths.cert, key: `${paths.key}4` }, 'credential-missing', /holds no private key/);
  writeFileSync(`${paths.key}5`, ' '.repeat(2 << 20), { mode: 0o600 });
  refused(t, { cert: paths.cert, key: `${paths.key}5` }, 'credential-missing', /larger than 1 MiB/);
  execFileSync('openssl', ['pkey', '-in', `${paths.key}2`, '-aes256', '-passout', 'pass:x', '-out', `${paths.key}6`]);
  refused(t, { cert: paths.cert, key: `${paths.key}6` }, 'credential-missing', /is encrypted, and the agent cannot ask/);
});

test('a key that others can read is refused, also through a link', async (t) => {
  const { ca, paths } = await home(t);
  install(paths, await ca.issueUser('alice'));
  for (const mode of [0o640, 0o604, 0o620, 0o601]) {
    chmodSync(paths.key, mode);
    refused(t, paths, 'credential-missing', /can be read by others \(mode 06[0-4][0-4]\): chmod 600/);
  }
  symlinkSync(paths.key, `${paths.key}.link`);
  refused(t, { cert: paths.cert, key: `${paths.key}.link` }, 'credential-missing', /can be read by others/);
  chmodSync(paths.key, 0o400);
  t.notThrows(() => loadCert({ cert: paths.cert, key: `${paths.key}.link` }));
});

test('an expired certificate says when it ended and what to do', async (t) => {
  const { ca, paths } = await home(t);
  const notAfter = new Date('2026-01-02T03:04:05Z');
  install(paths, await ca.issueUser('alice', { notAfter }));
  refused(t, paths, 'credential-expired', /expired at 2026-01-02T03:04:05\.000Z; ask your CA for a new one\.$/);
  install(paths, await ca.issueUser('alice', { notBefore: new Date(Date.now() + 3_600_000) }));
  refused(t, paths, 'credential-expired', /is not valid before .*check the clock of this machine/);
});

test('a certificate for servers, or with another key, is refused before any server sees it', async (t) => {
  const { ca, paths } = await home(t);
  install(paths, await ca.issueServer(['localhost']));
  refused(t, paths, 'credential-missing', /is that of a compile server, which may run no jobs/);
  const { certPem } = await ca.issueUser('alice');
  const { keyPem } = await ca.issueUser('alice');
  install(paths, { certPem, keyPem });
  refused(t, paths, 'credential-missing', /does not belong to the certificate/);
});

interface Seen {
  removed: WardError[];
  replaced: string[];
}

const watch = (t: ExecutionContext, paths: CertPaths): Seen => {
  const seen: Seen = { removed: [], replaced: [] };
  t.teardown(watchCert(loadCert(paths), { removed: (reason) => seen.removed.push(reason), replaced: ({ fingerprint }) => seen.replaced.push(fingerprint) }, 20));
  return seen;
};

const until = async (condition: () => boolean): Promise<void> => {
  for (let attempt = 0; attempt < 1500 && !condition(); attempt += 1) await delay(20);
};

test('a removed certificate is reported once, and so is one that ends', async (t) => {
  const { ca, paths } = await home(t);
  install(paths, await ca.issueUser('alice'));
  const gone = watch(t, paths);
  await delay(60);
  t.deepEqual(gone, { removed: [], replaced: [] });
  unlinkSync(paths.key);
  await until(() => gone.removed.length > 0);
  await delay(60);
  t.deepEqual(gone.removed.map(({ code }) => code), ['credential-missing']);
  install(paths, await ca.issueUser('alice', { notAfter: new Date(Date.now() + 5000) }));
  const ending = watch(t, paths);
  await until(() => ending.removed.length > 0);
  t.deepEqual(ending.removed.map(({ code }) => code), ['credential-expired']);
});

test('a renewed certificate replaces the old one, written one file after the other or by rename', async (t) => {
  const { ca, paths } = await home(t);
  install(paths, await ca.issueUser('alice'));
  const seen = watch(t, paths);
  for (let round = 1; round <= 2; round += 1) {
    const next = { cert: `${paths.cert}.new`, key: `${paths.key}.new` };
    install(next, await ca.issueUser('alice'));
    renameSync(next.cert, paths.cert);
    renameSync(next.key, paths.key);
    await until(() => seen.replaced.length === round);
    t.is(seen.replaced.at(-1), ca.list().at(-1)?.fingerprint);
  }
  t.deepEqual(seen.removed, []);
});
