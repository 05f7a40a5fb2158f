import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { initAuthority } from '../../../certs/authority.ts';
import { certFiles, clientText, environmentText, policyText, serverText, shellQuote } from '../../../ctl/dev/files.ts';
import { farmLayout } from '../../../ctl/dev/layout.ts';
import { decide } from '../../../policy/decide.ts';
import { resolveIdentity } from '../../../policy/identity.ts';
import { parseJsonc } from '../../../policy/jsonc.ts';
import { checkPolicyText, loadPolicy } from '../../../policy/load.ts';
import { loadServerConfig } from '../../../server/config.ts';
import { temporaryDirectory } from '../../fixtures/temporary.ts';

const execute = promisify(execFile);

test('the policy has no finding, lets committers compile and nobody else', async (t) => {
  const directory = await temporaryDirectory(t);
  const { caPem } = await initAuthority(join(directory, 'ca'), { dev: true });
  const text = policyText(certFiles(caPem));
  t.deepEqual(checkPolicyText(text, 'policy.jsonc'), []);
  await writeFile(join(directory, 'policy.jsonc'), text);
  await writeFile(join(directory, 'committers.txt'), 'alice\n');
  const policy = await loadPolicy(join(directory, 'policy.jsonc'));
  const ask = (name: string) => {
    const principal = { mechanism: 'cert' as const, name };
    const { committer } = resolveIdentity(policy, principal);
    return decide(policy, { action: 'connect', principal, committer, ...policy.committers.standing(committer) }).code;
  };
  t.is(ask('alice'), undefined);
  t.is(ask('mallory'), 'not-a-committer');
});

test('a server configuration is accepted by the server, with what was asked for', async (t) => {
  const directory = await temporaryDirectory(t);
  const place = join(directory, 'servers', '2');
  await mkdir(place, { recursive: true });
  await writeFile(join(place, 'server.jsonc'), serverText({ number: 2, address: '127.0.0.2', port: 4711, jobs: 6, cores: 3, isolation: 'strict', cgroup: { directories: { memory: '/m', pids: '/p' }, joins: [] }, run: '/somewhere/else' }, 'RWkey'));
  const config = await loadServerConfig(join(place, 'server.jsonc'));
  t.like(config, { slots: 3, jobs: 6, isolation: 'strict', log: join(directory, 'log/server-2'), run: '/somewhere/else', policy: join(directory, 'policy.jsonc') });
  t.deepEqual(config.farm, { file: join(directory, 'trust/farm.jsonc'), publicKey: 'RWkey' });
  t.is(config.name, '127.0.0.2');
  t.deepEqual(config.listen, [{ host: '127.0.0.2', port: 4711 }]);
  t.deepEqual(config.cgroup, { memory: '/m', pids: '/p' });
});

test('without --jobs and --cores the server chooses itself', (t) => {
  const written = serverText({ number: 1, address: '127.0.0.1', port: 1, jobs: undefined, cores: undefined, isolation: 'strict-rlimit', cgroup: undefined, run: 'run' }, 'RWkey');
  const value = parseJsonc<Record<string, unknown>>(written, 'server.jsonc', { type: 'object' });
  for (const name of ['slots', 'jobs', 'cgroup']) t.false(name in value, name);
});

test('a client configuration names every server and the trust beside it', (t) => {
  const value = parseJsonc<Record<string, unknown>>(clientText({ mechanism: 'cert', hosts: ['127.0.0.1:1', '127.0.0.1:2'], trust: '../../trust', person: '', farmKey: 'RWkey' }), 'client.jsonc', { type: 'object' });
  t.deepEqual(value['hosts'], ['127.0.0.1:1', '127.0.0.1:2']);
  t.deepEqual(value['trust'], { ca: '../../trust/ca.pem', crl: '../../trust/crl.pem', farm: { file: '../../trust/farm.jsonc', publicKey: 'RWkey' } });
});

test('env.sh survives any character in the farm\'s path, puts bin first once, and exports nothing else', async (t) => {
  const layout = farmLayout(`/tmp/a 'b' "c" $(echo d) \`e\` %s \\ü`);
  const file = join(await temporaryDirectory(t), 'env.sh');
  await writeFile(file, environmentText(layout));
  const env = { PATH: '/usr/bin:/bin', WARDCC_HOSTS: 'elsewhere', WARDCC_FALLBACK: 'never' };
  const { stdout } = await execute('sh', ['-c', `. ${shellQuote(file)} && . ${shellQuote(file)} && env -0`], { env });
  const entries = new Map(stdout.split('\0').filter(Boolean).map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
  t.is(entries.get('WARDCC_CONFIG'), layout.client);
  t.is(entries.get('WARDCC_RUNTIME_DIR'), layout.runtime);
  t.is(entries.get('PATH'), `${layout.bin}:/usr/bin:/bin`);
  t.is(entries.get('WARDCC_FALLBACK'), 'never');
  t.deepEqual([...entries.keys()].filter((name) => !/^(PATH|PWD|OLDPWD|_|SHLVL|WARDCC_(CONFIG|RUNTIME_DIR|FALLBACK))$/.test(name)), []);
});
