/** `wardccd doctor` as it is called: on this machine, with a whole configuration and with broken ones. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { createPublicKey } from 'node:crypto';
import { once } from 'node:events';
import { appendFileSync, chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { initAuthority, openAuthority, type Validity } from '../../../certs/authority.ts';
import { oids } from '../../../certs/oids.ts';
import { loadServerConfig } from '../../../server/config.ts';
import { examineServer } from '../../../server/doctor/doctor.ts';
import type { Finding } from '../../../server/doctor/finding.ts';
import { oddCertificate } from '../../certs/tls-pair.ts';
import { farmSigner, resultKey } from '../../fixtures/signed-farm.ts';
import { temporaryDirectory } from '../../fixtures/temporary.ts';

const main = fileURLToPath(new URL('../../../server/main.ts', import.meta.url));
const wardccd = (args: readonly string[], settings: NodeJS.ProcessEnv = {}) =>
  spawnSync(process.execPath, [main, 'doctor', ...args], { encoding: 'utf8', timeout: 120_000, env: { ...process.env, ...settings } });

interface Setting {
  readonly certificate?: Validity;
  readonly crl?: Validity;
  readonly policy?: string;
  readonly name?: string;
}

const policy = `{
  "serial": 7,
  "mechanisms": ["cert"],
  "identities": [{ "id": "users", "principal": "cert:{user}", "committer": "{user}" }],
  "committers": { "sources": [{ "id": "list", "kind": "list", "file": "committers" }] },
  "anchors": [{ "id": "people", "uri": ["wardcc-user:"] }],
  "rules": [{ "id": "committers-compile", "effect": "allow", "who": ["*"] }]
}
`;

const configured = async (t: ExecutionContext, setting: Setting = {}): Promise<{ directory: string; config: string }> => {
  const directory = await temporaryDirectory(t);
  mkdirSync(join(directory, 'ca'), { mode: 0o700 });
  const authority = await initAuthority(join(directory, 'ca'), { dev: true });
  const { certPem, keyPem } = await authority.issueServer(['localhost'], setting.certificate);
  writeFileSync(join(directory, 'server.pem'), certPem);
  writeFileSync(join(directory, 'server.key'), keyPem, { mode: 0o600 });
  writeFileSync(join(directory, 'ca.pem'), authority.caPem);
  writeFileSync(join(directory, 'crl.pem'), await authority.writeCrl(setting.crl));
  writeFileSync(join(directory, 'committers'), 'alice\n');
  writeFileSync(join(directory, 'policy.jsonc'), setting.policy ?? policy);
  const config = join(directory, 'server.jsonc');
  writeFileSync(
    config,
    JSON.stringify({
      name: setting.name ?? 'localhost',
      tls: { cert: 'server.pem', key: 'server.key', clientCa: 'ca.pem', crl: 'crl.pem' },
      policy: 'policy.jsonc',
      state: 'state',
      run: 'run',
      log: 'log',
      toolchains: ['/usr/bin/gcc', '/nowhere/gcc'],
      isolation: 'strict-rlimit',
    }),
  );
  return { directory, config };
};

const examine = (config: string): { status: number | null; findings: Finding[]; by: (probe: string) => Finding } => {
  const { status, stdout, stderr } = wardccd(['--config', config, '--json']);
  const { ok, findings } = JSON.parse(stdout || `{"findings":[{"says":${JSON.stringify(stderr)}}]}`) as {
    ok: boolean;
    findings: Finding[];
  };
  if (ok !== (status === 0)) throw new Error('the exit status and the answer differ');
  return { status, findings, by: (probe) => findings.find((finding) => finding.probe === probe)! };
};

test.serial('with all in order everything passes, or is something to think about', async (t) => {
  const { config } = await configured(t);
  const { status, findings, by } = examine(config);
  t.deepEqual(
    findings.filter(({ grade }) => grade === 'FAIL'),
    [],
  );
  t.is(status, 0);
  for (const probe of [
    'sandbox',
    'seccomp',
    'no network',
    'noexec',
    'host invisible',
    'fresh',
    'memory limit',
    'process limit',
    'time limits',
    'output limits',
    'kill',
    'TLS key',
    'TLS certificate',
  ])
    t.is(by(probe).grade, 'PASS', probe);
  t.regex(by('toolchain').says, /^\/usr\/bin\/gcc \(gcc [\d.]+\) makes the same object in the sandbox as outside$/);
  t.is(by('policy').says, 'serial 7 is in order');
  t.is(by('committers list').says, 'list, one person; a change counts within 2 s, the last good answer for 3600 s');
});

test.serial('it leaves nothing behind', async (t) => {
  const { config, directory } = await configured(t);
  const place = await temporaryDirectory(t);
  // The slot's user has to get there.
  chmodSync(place, 0o755);
  t.is(wardccd(['--config', config], { TMPDIR: place }).status, 0);
  t.deepEqual(readdirSync(place), []);
  t.deepEqual(readdirSync(join(directory, 'state')), []);
});

test.serial('for a person it prints a line a finding and a summary', async (t) => {
  const { config } = await configured(t);
  const { stdout } = wardccd(['--config', config]);
  t.regex(stdout, /^PASS {5}platform {13}Linux \S+ on (x64|arm64), Node /);
  t.regex(stdout, /\n\d+ passed, \d+ to think about, 0 failed\n$/);
});

test.serial('interrupted, it removes what it made', async (t) => {
  const place = await temporaryDirectory(t);
  chmodSync(place, 0o755);
  const child = spawn(process.execPath, [main, 'doctor'], { env: { ...process.env, TMPDIR: place }, stdio: ['ignore', 'pipe', 'inherit'] });
  // The room stands once the sandbox has passed.
  for await (const text of child.stdout) if (String(text).includes('sandbox')) break;
  child.kill('SIGINT');
  child.stdout.resume();
  t.deepEqual(await once(child, 'exit'), [130, null]);
  t.deepEqual(readdirSync(place), []);
});

/** Only the part that looks at the server's own files. */
const examineFiles = async (config: string) => {
  const findings: Finding[] = [];
  for await (const finding of examineServer(await loadServerConfig(config))) findings.push(finding);
  return { findings, by: (probe: string): Finding => findings.find((finding) => finding.probe === probe)! };
};

const broken: [string, Setting, (directory: string) => void, string, RegExp, RegExp][] = [
  [
    'a key that others may read',
    {},
    (directory) => chmodSync(join(directory, 'server.key'), 0o644),
    'TLS key',
    /can be read or written by others \(mode 644\)/,
    /chmod 600/,
  ],
  [
    'a policy that others may write',
    {},
    (directory) => chmodSync(join(directory, 'policy.jsonc'), 0o666),
    'policy',
    /can be written by others/,
    /chmod go-w/,
  ],
  [
    'a policy with a mistake',
    { policy: policy.replace('"serial": 7', '"serial": "x"') },
    () => {},
    'policy',
    /serial/,
    /wardctl policy check/,
  ],
  [
    'a certificate that has expired',
    { certificate: { notBefore: new Date(Date.now() - 3e9), notAfter: new Date(Date.now() - 1e9) } },
    () => {},
    'TLS certificate',
    /was valid until/,
    /wardctl certs issue/,
  ],
  ['a certificate for another name', { name: 'other.example' }, () => {}, 'TLS certificate', /not for other\.example/, /tls/],
  [
    'a key of another certificate',
    {},
    (directory) =>
      writeFileSync(
        join(directory, 'server.key'),
        spawnSync('openssl', ['genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'], { encoding: 'utf8' }).stdout,
      ),
    'TLS certificate',
    /is not the key of/,
    /wardctl certs issue/,
  ],
  [
    'a revocation list that is out of date',
    { crl: { notBefore: new Date(Date.now() - 3e9), notAfter: new Date(Date.now() - 1e9) } },
    () => {},
    'revocation list',
    /went out of date on .*: every certificate is refused/,
    /wardctl certs crl/,
  ],
  [
    'a revocation list that is not valid yet',
    { crl: { notBefore: new Date(Date.now() + 1e9), notAfter: new Date(Date.now() + 3e9) } },
    () => {},
    'revocation list',
    /crl\.pem is valid from .* on: certificates are refused until then\.$/,
    /^Check the clocks/,
  ],
  [
    'an authority without a revocation list',
    {},
    (directory) => {
      execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '200', '-subj', '/O=Partner/CN=Partner CA',
        '-keyout', '/dev/null', '-out', join(directory, 'partner.pem')], { stdio: 'ignore' });
      appendFileSync(join(directory, 'ca.pem'), readFileSync(join(directory, 'partner.pem')));
    },
    'revocation list',
    /crl\.pem has no list of "O=Partner, CN=Partner CA": whoever has a certificate below it is refused\.$/,
    /^Put the list of each CA in "clientCa" into the file/,
  ],
  [
    'a missing revocation list',
    {},
    (directory) => writeFileSync(join(directory, 'crl.pem'), ''),
    'revocation list',
    /no revocation list/,
    /wardctl certs crl/,
  ],
  [
    'an authority that is none',
    {},
    (directory) => writeFileSync(join(directory, 'ca.pem'), readFileSync(join(directory, 'server.pem'))),
    "clients' authority",
    /is no CA/,
    /only CA certificates/,
  ],
];
for (const [name, setting, spoil, probe, says, remedy] of broken) {
  test.serial(`${name} fails with the remedy`, async (t) => {
    const { directory, config } = await configured(t, setting);
    spoil(directory);
    const { by } = await examineFiles(config);
    t.is(by(probe).grade, 'FAIL');
    t.regex(by(probe).says, says);
    t.regex(by(probe).remedy!, remedy);
  });
}

test.serial('a certificate that will expire soon is something to think about', async (t) => {
  const { config } = await configured(t, { certificate: { days: 5 } });
  const { by } = await examineFiles(config);
  t.is(by('TLS certificate').grade, 'CAUTION');
  t.regex(by('TLS certificate').says, /^for localhost, valid for [45] days$/);
});

test.serial('a server that others do not take for one is pointed out where servers fetch results from each other', async (t) => {
  const { directory, config } = await configured(t, {});
  const probe = 'results from other servers';
  const written = JSON.parse(readFileSync(config, 'utf8')) as object;
  writeFileSync(join(directory, 'farm.key'), 'ab'.repeat(32), { mode: 0o600 });
  writeFileSync(config, JSON.stringify({ ...written, shared: { farmKeyFile: 'farm.key', peers: { ca: 'ca.pem', crl: 'crl.pem', servers: ['build2.test'] } } }), { mode: 0o644 });
  const whole = (await examineFiles(config)).by(probe);
  t.is(whole.grade, 'CAUTION');
  t.regex(whole.says, /^Without a farm file/);
  const authority = await openAuthority(join(directory, 'ca'));
  const old = oddCertificate(authority, { usage: [oids.serverAuth], names: [{ kind: 'dns', value: 'localhost' }, { kind: 'uri', value: 'wardcc-server:localhost' }] });
  writeFileSync(join(directory, 'server.pem'), old.certPem);
  writeFileSync(join(directory, 'server.key'), old.keyPem, { mode: 0o600 });
  const { by } = await examineFiles(config);
  t.not(by('TLS certificate').grade, 'FAIL', 'clients take it');
  t.is(by(probe).grade, 'FAIL');
  t.regex(by(probe).says, /^Other servers refuse this one: The certificate of this server is not for client authentication too/);
  t.regex(by(probe).remedy!, /wardctl certs issue --server/);
  writeFileSync(join(directory, 'crl.pem'), '');
  t.is((await examineFiles(config)).by(probe).grade, 'FAIL');
});

test.serial('a farm file that lists this server and its key is in order; one that does not, or that another key signed, is pointed out', async (t) => {
  const { directory, config } = await configured(t, {});
  const [signer, own] = [farmSigner(), resultKey()];
  const written = JSON.parse(readFileSync(config, 'utf8')) as object;
  writeFileSync(config, JSON.stringify({ ...written, farm: { file: 'farm.jsonc', publicKey: signer.publicKey } }), { mode: 0o644 });
  const look = async (servers: object, by = signer): Promise<Finding> => {
    by.write(join(directory, 'farm.jsonc'), { serial: 3, epoch: 2, servers });
    return (await examineFiles(config)).by('farm file');
  };
  const { state } = await loadServerConfig(config);
  mkdirSync(join(state, 'keeper'), { recursive: true });
  writeFileSync(join(state, 'keeper/result-key.pub.pem'), createPublicKey(own.key).export({ type: 'spki', format: 'pem' }));
  t.like(await look([{ name: 'localhost', resultKeys: [own.line] }]), { grade: 'PASS', says: 'serial 3, epoch 2, signed' });
  t.like(await look([{ name: 'elsewhere', resultKeys: [own.line] }]), { grade: 'CAUTION', says: 'serial 3, epoch 2, signed; it does not name localhost: no client believes its results.' });
  t.like(await look([{ name: 'localhost', resultKeys: [resultKey().line] }]), { grade: 'CAUTION', says: `serial 3, epoch 2, signed; it does not list this server's key ${own.id}: no client believes its results.` });
  const stranger = await look([{ name: 'localhost', resultKeys: [own.line] }], farmSigner());
  t.is(stranger.grade, 'FAIL');
  t.regex(stranger.says, /farm\.jsonc\.minisig: the signature is of the key [0-9A-F]{16}, which does not count here/);
});

test.serial('a configuration that cannot be read ends the examination with its position', async (t) => {
  const directory = await temporaryDirectory(t);
  const config = join(directory, 'server.jsonc');
  writeFileSync(config, '{ "tls": 1 }');
  const { status, findings } = examine(config);
  t.is(status, 1);
  t.is(findings.at(-1)!.probe, 'configuration');
  t.is(findings.at(-1)!.grade, 'FAIL');
});
