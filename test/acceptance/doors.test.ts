/**
 * Nobody is at home, or the door stays shut: each such case ends with its own exit status and sentences that say what happened and
 * what to do, and never with an object that somebody refused to make.
 *
 * @module
 */
import { copyFile, mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { initAuthority, openAuthority, type IssuedWithKey } from '../../certs/authority.ts';
import { farmLayout } from '../../ctl/dev/layout.ts';
import { WardError } from '../../protocol/errors.ts';
import { logIn } from '../fixtures/raw-session.ts';
import { shareFarm } from '../fixtures/shared-farm.ts';
import { compiling, processesOf, until, writeSlowSource } from '../fixtures/slow-source.ts';

const shared = shareFarm(test, ['--cores', '2']);
const layout = () => farmLayout(shared.farm.directory);

interface Visitor {
  readonly config: string;
}

interface VisitorOptions {
  /** Whose certificate; alice's if absent. */
  readonly credential?: IssuedWithKey;
  readonly person?: string;
  /** Changes the text of alice's client.jsonc. */
  readonly change?: (text: string) => string;
}

/** A client configuration of its own, made of one of the farm's people. */
const visitor = async (name: string, { credential, person = 'alice', change = (text) => text }: VisitorOptions = {}): Promise<Visitor> => {
  const directory = join(layout().people, `visitor ${name}`);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const from = join(layout().people, person);
  await writeFile(join(directory, 'client.jsonc'), change(await readFile(join(from, 'client.jsonc'), 'utf8')), { mode: 0o600 });
  for (const file of ['cert.pem', 'key.pem']) await copyFile(join(from, file), join(directory, file));
  if (credential !== undefined) {
    await writeFile(join(directory, 'cert.pem'), credential.certPem);
    await writeFile(join(directory, 'key.pem'), credential.keyPem);
  }
  return { config: join(directory, 'client.jsonc') };
};

interface Refusal {
  readonly status: number;
  readonly code: string;
  /** Words that the first sentence must have. */
  readonly says: RegExp;
}

const project = async (name: string): Promise<string> => {
  const directory = await shared.directory(`doors ${name}`);
  await writeFile(join(directory, 'main.c'), 'int main(void) { return 0; }\n');
  await rm(join(directory, 'main.o'), { force: true });
  return directory;
};

/** Exactly two lines: what happened with its code, and what to do about it. */
const refused = async (t: ExecutionContext<unknown>, name: string, settings: NodeJS.ProcessEnv, { status, code, says }: Refusal): Promise<void> => {
  const cwd = await project(name);
  const ended = await shared.run(['wardcc', 'gcc', '-c', 'main.c'], { cwd, settings });
  t.is(ended.status, status, ended.stderr);
  t.is(ended.stdout, '');
  const [first, second, ...more] = ended.stderr.trimEnd().split('\n');
  t.regex(first!, says);
  t.true(first!.startsWith('wardcc: ') && first!.endsWith(` [${code}]`), first);
  t.regex(second ?? '', /^wardcc: [A-Z].{10,}\.$|^wardcc: [a-z].{10,}$/);
  t.deepEqual(more, []);
  t.deepEqual(await readdir(cwd), ['main.c']);
};

const compiledHere = async (t: ExecutionContext<unknown>, name: string, settings: NodeJS.ProcessEnv): Promise<void> => {
  const cwd = await project(name);
  const ended = await shared.run(['wardcc', 'gcc', '-c', 'main.c'], { cwd, settings });
  t.deepEqual({ status: ended.status, stdout: ended.stdout, stderr: ended.stderr }, { status: 0, stdout: '', stderr: '' }, 'success is silent');
  t.deepEqual((await readdir(cwd)).sort(), ['main.c', 'main.o']);
};

test.serial('no server: exit status 116, or compiled here in silence', async (t) => {
  const nobody = await visitor('nobody', { change: (text) => text.replace(/127\.0\.0\.1:[0-9]+/, '127.0.0.1:1') });
  const settings = { WARDCC_CONFIG: nobody.config };
  await refused(t, 'nobody', settings, { status: 116, code: 'connect-failed', says: /127\.0\.0\.1:1\b/ });
  await compiledHere(t, 'nobody', { ...settings, WARDCC_FALLBACK: 'infra' });
  await refused(t, 'nobody by name', { WARDCC_HOSTS: 'no-such-host.invalid' }, { status: 116, code: 'connect-failed', says: /no-such-host\.invalid/ });
  const told = await shared.run(['wardctl', 'hosts'], { cwd: shared.place, settings });
  t.regex(told.stdout, /127\.0\.0\.1:1 .*connect-failed|127\.0\.0\.1:1 .*(resting|refused)/);
});

test.serial('no server is configured: exit status 116 and what to configure', async (t) => {
  const empty = await visitor('empty', { change: (text) => text.replace(/"hosts": \[[^\]]*\]/, '"hosts": []') });
  await refused(t, 'empty', { WARDCC_CONFIG: empty.config }, { status: 116, code: 'no-server', says: /No server is configured/ });
});

test.serial('a configuration that cannot be read: exit status 116 and the position of the mistake', async (t) => {
  const broken = await visitor('broken', { change: (text) => text.replace('"hosts":', '"hots":') });
  await refused(t, 'broken', { WARDCC_CONFIG: broken.config }, { status: 116, code: 'config-invalid', says: /client\.jsonc:[0-9]+:[0-9]+/ });
});

test.serial('the server\'s CA is not the one that is pinned: exit status 119', async (t) => {
  const other = await initAuthority(join(shared.place, 'other ca'), { name: 'some other CA', dev: true });
  await other.writeCrl();
  const ca = join(shared.place, 'other ca');
  const misled = await visitor('misled', { change: (text) => text.replaceAll(/\.\.\/\.\.\/trust\/(?=ca|crl)/g, `${ca}/`) });
  await refused(t, 'misled', { WARDCC_CONFIG: misled.config }, { status: 119, code: 'server-untrusted', says: /127\.0\.0\.1:[0-9]+/ });
});

test.serial('the server has another name than the one that is pinned: exit status 119', async (t) => {
  const misled = await visitor('other name', { change: (text) => text.replace(/"farm": \{[^}]*\}/, '"servers": ["build.example"]') });
  await refused(t, 'other name', { WARDCC_CONFIG: misled.config }, { status: 119, code: 'server-untrusted', says: /build\.example|name/ });
});

test.serial('a certificate of another CA: exit status 119', async (t) => {
  await refused(t, 'stranger', shared.farm.as('stranger'), { status: 119, code: 'certificate-invalid', says: /certificate/i });
});

test.serial('an expired certificate: exit status 119', async (t) => {
  const authority = await openAuthority(layout().ca);
  const day = 86_400_000;
  const credential = await authority.issueUser('alice', { notBefore: new Date(Date.now() - 2 * day), notAfter: new Date(Date.now() - day) });
  const late = await visitor('late', { credential });
  const settings = { WARDCC_CONFIG: late.config };
  const cwd = await project('late');
  const ended = await shared.run(['wardcc', 'gcc', '-c', 'main.c'], { cwd, settings });
  t.is(ended.status, 119, ended.stderr);
  t.regex(ended.stderr, /^wardcc: .*(expired|validity).* \[(certificate|credential)-expired\]\nwardcc: .+\n$/);
  t.deepEqual(await readdir(cwd), ['main.c']);
});

test.serial('a revoked certificate: exit status 119', async (t) => {
  await refused(t, 'carol', shared.farm.as('carol'), { status: 119, code: 'certificate-revoked', says: /revoked/ });
});

test.serial('no certificate, no key, or a key that belongs to another certificate: a sentence that names the file', async (t) => {
  for (const file of ['cert.pem', 'key.pem']) {
    const careless = await visitor(`without ${file}`);
    await rm(join(careless.config, '..', file));
    await refused(t, `without ${file}`, { WARDCC_CONFIG: careless.config }, { status: 119, code: 'credential-missing', says: new RegExp(`visitor without ${file}.*${file}`) });
  }
  const mixed = await visitor('mixed');
  await copyFile(join(layout().people, 'bob', 'key.pem'), join(mixed.config, '..', 'key.pem'));
  const cwd = await project('mixed');
  const ended = await shared.run(['wardcc', 'gcc', '-c', 'main.c'], { cwd, settings: { WARDCC_CONFIG: mixed.config } });
  t.true(ended.status === 119 || ended.status === 116, `${ended.status} ${ended.stderr}`);
  t.regex(ended.stderr, /key/);
  t.deepEqual(await readdir(cwd), ['main.c']);
});

test.serial('not a committer: exit status 113 whatever `infra` says, and compiled here only with `always`', async (t) => {
  const refusal: Refusal = { status: 113, code: 'not-a-committer', says: /mallory/ };
  const settings = shared.farm.as('mallory');
  await refused(t, 'mallory', settings, refusal);
  await refused(t, 'mallory', { ...settings, WARDCC_FALLBACK: 'infra' }, refusal);
  const cwd = await project('mallory always');
  const always = await shared.run(['wardcc', 'gcc', '-c', 'main.c'], { cwd, settings: { ...settings, WARDCC_FALLBACK: 'always' } });
  t.is(always.status, 0, always.stderr);
  t.deepEqual((await readdir(cwd)).sort(), ['main.c', 'main.o']);
  const self = await shared.run(['wardctl', 'whoami'], { cwd, settings });
  t.is(self.status, 113, self.stdout + self.stderr);
});

test.serial('who is refused may still link, preprocess and run what is local by nature', async (t) => {
  const cwd = await project('mallory links');
  const settings = shared.farm.as('mallory');
  for (const command of [['gcc', 'main.c', '-o', 'main'], ['gcc', '-E', 'main.c', '-o', 'main.i'], ['gcc', '-c', 'main.c', '-o', '/dev/null']]) {
    const { status, stderr } = await shared.run(['wardcc', ...command], { cwd, settings });
    t.is(status, 0, stderr);
  }
});

test.serial('the decision log names who was refused, and verifies', async (t) => {
  const { status, stdout, stderr } = await shared.run(['wardctl', 'audit', 'verify', layout().log], { cwd: shared.place });
  t.is(status, 0, stdout + stderr);
  const log = (await Promise.all((await readdir(layout().log)).filter((name) => name.endsWith('.jsonl')).map((name) => readFile(join(layout().log, name), 'utf8')))).join('');
  t.regex(log, /mallory/);
  t.regex(log, /not-a-committer/);
});

test.serial('somebody who stops being a committer loses the job that runs, its result and all others', async (t) => {
  const directory = await shared.directory('bob leaves');
  const name = await writeSlowSource(directory, 'endless');
  const settings = shared.farm.as('bob');
  const job = shared.start(['wardcc', 'gcc', '-c', `${name}.c`], { cwd: directory, settings });
  await compiling(name);
  const committers = await readFile(layout().committers, 'utf8');
  await writeFile(layout().committers, committers.replace(/^bob\n/m, ''));
  const { status, stderr } = await job.ended;
  t.is(status, 113, stderr);
  t.regex(stderr, /\[(access-ended|not-a-committer)\]/);
  await until('the sandbox is dead', () => processesOf(name).length === 0, 4_000);
  t.deepEqual((await readdir(directory)).filter((file) => file.endsWith('.o') || file.startsWith('.')), []);
  const cwd = await project('bob again');
  const again = await shared.run(['wardcc', 'gcc', '-c', 'main.c'], { cwd, settings: { ...settings, WARDCC_FALLBACK: 'infra' } });
  t.is(again.status, 113, again.stderr);
  t.deepEqual(await readdir(cwd), ['main.c']);
  await writeFile(layout().committers, committers);
});

test.serial('where servers fetch nothing from each other, nobody comes as a server', async (t) => {
  const [server = ''] = /127\.0\.0\.1:[0-9]+/.exec(await readFile(layout().client, 'utf8')) ?? [];
  const error = await t.throwsAsync(logIn(t, layout(), { server, credentials: layout().server(1), as: 'peer' }), { instanceOf: WardError }) as WardError;
  t.is(error.class, 'authentication');
  t.is(error.code, 'mechanism-not-permitted');
  t.is(error.message, 'This server does not accept mechanism peer here.');
});
