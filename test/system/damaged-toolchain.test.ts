/**
 * A staged compiler that somebody, or a disk, changes while its server runs.
 *
 * @module
 */
import { execFile } from 'node:child_process';
import { chmodSync, existsSync, lstatSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import type { LogEvent } from '../../policy/log/events.ts';
import type { Finding } from '../../server/doctor/finding.ts';
import { probeStages } from '../../server/doctor/stage-probe.ts';
import type { StagedCompiler } from '../../server/toolchains/index-file.ts';
import { readEvents } from '../fixtures/decision-log.ts';
import { addUsers, checkout, clientOf, removeUsers, run, stagePrograms, until, usersOf, whenReady, writeServer } from './account-server.ts';

const execute = promisify(execFile);
const users = usersOf('damaged');

test.before(() => addUsers(users));
test.after.always(() => removeUsers(users));

/** A file that keeps the preprocessor busy until somebody ends it. */
const endless = '#if __INCLUDE_LEVEL__ < 150\n#include "long.c"\n#include "long.c"\n#endif\n';

/** Changes one bit of a file, and neither its size nor its times nor its mode. */
const changeOneBit = (path: string): void => {
  const { mode } = statSync(path);
  const bytes = readFileSync(path);
  bytes[bytes.length >> 1]! ^= 1;
  chmodSync(path, 0o755);
  writeFileSync(path, bytes, { flag: 'r+' });
  chmodSync(path, mode & 0o777);
};

/** Where a program of a toolchain lies in its stage. */
const placeOf = ({ root }: StagedCompiler, program: string): string =>
  readdirSync(root, { recursive: true, encoding: 'utf8' }).map((name) => join(root, name)).find((path) => path.endsWith(`-${program}`) || (path.endsWith(`/${program}`) && lstatSync(path).isFile()))!;

/** Exit status of doctor, and what it says about the stages. */
const examine = async (directory: string): Promise<{ status: number | undefined; findings: Finding[] }> => {
  const args = ['doctor', '--config', join(directory, 'server.jsonc'), '--json'];
  const { stdout, code } = await execute(join(checkout, 'dist/bin/wardccd'), args).catch((error: { stdout: string; code: number }) => error) as { stdout: string; code?: number };
  const { findings } = JSON.parse(stdout) as { findings: Finding[] };
  return { status: code, findings: findings.filter(({ probe }) => probe === 'staged toolchains') };
};

test.serial('one bit of a staged compiler is changed: within an interval its jobs end, none travels, and client, log, standard error and doctor say so', async (t) => {
  const directory = await writeServer(t, users);
  const file = join(directory, 'server.jsonc');
  const config = JSON.parse(readFileSync(file, 'utf8')) as object;
  writeFileSync(file, JSON.stringify({ ...config, toolchains: ['/usr/bin/gcc', '/usr/bin/clang'], rehashMinutes: 0.05 }));
  const { stage, through } = await stagePrograms(t);
  const startedAt = Date.now();
  const server = run(t, [...through, `${stage}/dist/bin/wardccd`, '--config', file]);
  await whenReady(directory, server);
  const client = await clientOf(t, directory);
  const staged = JSON.parse(readFileSync(join(directory, 'state/toolchains/index.json'), 'utf8')) as StagedCompiler[];
  const [gcc, clang] = ['/usr/bin/gcc', '/usr/bin/clang'].map((name) => staged.find((one) => one.name === name)!) as [StagedCompiler, StagedCompiler];
  const events = (): LogEvent[] => readEvents(join(directory, 'log'));
  const withdrawals = (): LogEvent[] => events().filter(({ event }) => event === 'toolchain.withdrawn');
  const decided = (compiler: StagedCompiler): number => events().filter(({ event, request }) => event === 'job.allowed' && request?.toolchain === compiler.digest).length;

  // Checks in which nothing is wrong.
  t.regex((await client.compile('int first;\n')).said, /^wardcc: remote: a\.c/m);
  const check = join(directory, 'state/toolchains/check.json');
  await until(() => existsSync(check) && readFileSync(check, 'utf8') === '[]', () => `no check: ${server.said()}`);
  t.deepEqual(withdrawals(), []);
  const before = await Array.fromAsync(probeStages(join(directory, 'state')));
  t.deepEqual(before.map(({ grade, says }) => [grade, says]), [['PASS', 'all 2 are what their names stand for, byte for byte']]);

  const changedAt = Date.now();
  changeOneBit(placeOf(gcc, 'cc1'));
  await until(() => withdrawals().length > 0, () => `nothing was withdrawn: ${server.said()}`);
  const [{ request, message = '' }] = withdrawals() as [LogEvent];
  t.deepEqual(request, { toolchain: gcc.digest, compiler: '/usr/bin/gcc' });
  const words = /^The staged compiler \/usr\/bin\/gcc is not what it was: \S+\/cc1 has other content than when it was staged\. It is withdrawn; what it made since (\S+) may be wrong\.$/;
  const since = Date.parse(words.exec(message)?.[1] ?? '');
  t.true(since <= changedAt && since >= startedAt, message);
  await until(() => server.said().includes(`wardccd: ${message} wardccd doctor says what to do.\n`), () => server.said());

  // The client was told: it does not even ask. The other compiler is as good as ever.
  const asked = decided(gcc);
  const next = await client.compile('int next;\n');
  t.not(next.status, 0);
  t.regex(next.said, /does not have exactly this compiler \(\/usr\/bin\/gcc\)/);
  t.is(decided(gcc), asked);
  t.regex((await client.compile('int second;\n', 'clang')).said, /^wardcc: remote: a\.c/m);

  const after = await examine(directory);
  t.is(after.status, 1);
  t.deepEqual(after.findings.map(({ grade, says }) => [grade, says]), [['FAIL', message]]);
  t.regex(after.findings[0]!.remedy!, /raise the epoch .* start wardccd again/);

  // A job that runs meanwhile does not end with a result.
  const begun = decided(clang);
  const long = client.compile(endless, 'clang', 'long.c');
  await until(() => decided(clang) > begun, () => 'the long job did not begin');
  changeOneBit(placeOf(clang, 'crtbegin.o'));

  const { status, said } = await long;
  t.not(status, 0);
  t.regex(said, /The staged compiler \/usr\/bin\/clang is not what it was: \S+crtbegin\.o has other content.* \[toolchain-unknown\]/);
  // The log is written by another process: the client can know first.
  await until(() => withdrawals().length === 2, () => `clang was not withdrawn: ${server.said()}`);
  t.deepEqual(withdrawals().map((one) => one.request?.compiler), ['/usr/bin/gcc', '/usr/bin/clang']);
  const broken = (): boolean => events().findLast(({ event }) => event === 'job.end')?.reason === 'toolchain-unknown';
  await until(broken, () => `the end of the long job is not in the log: ${server.said()}`);
});
