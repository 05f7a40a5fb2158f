/**
 * The five minutes of README.md and the pages of the administrators, run as they stand there.
 *
 * @module
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { programs } from '../../ctl/dev/layout.ts';
import { cleanEnvironment, dev } from '../fixtures/farm.ts';
import { execute, type Ended } from '../fixtures/command.ts';
import { temporaryDirectory } from '../fixtures/temporary.ts';
import { blocks, page, root } from './pages.ts';

const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

interface Step extends Ended {
  readonly line: string;
}

/** Runs lines in one shell; what each of them ends with. */
const runLines = async (lines: readonly string[], place: string, cwd: string): Promise<Step[]> => {
  const steps = lines.map((line, i) => `{ ${line}\n} >${quote(join(place, `${i}.out`))} 2>${quote(join(place, `${i}.err`))}\necho $? >${quote(join(place, `${i}.status`))}\n`);
  await writeFile(join(place, 'script'), steps.join(''));
  const { stderr } = await execute(['sh', join(place, 'script')], { cwd, env: { ...cleanEnvironment(), PATH: `${programs}:${process.env['PATH']}` }, timeoutMs: 200_000 });
  const read = (i: number, kind: string): Promise<string> => readFile(join(place, `${i}.${kind}`), 'utf8').catch(() => stderr);
  return Promise.all(lines.map(async (line, i) => ({ line, status: Number(await read(i, 'status')), stdout: await read(i, 'out'), stderr: await read(i, 'err') })));
};

/** What a reader has that is no command of ours. */
const makefile = 'OBJECTS = file.o src/file.o\nall: $(OBJECTS)\n%.o: %.c\n\t$(CC) $(CFLAGS) -c -o $@ $<\n';

test('README.md: the five minutes go as it says', async (t) => {
  t.timeout(240_000);
  const place = await temporaryDirectory(t);
  const [farm, project] = [join(place, 'farm'), join(place, 'project')];
  await mkdir(join(project, 'src'), { recursive: true });
  await writeFile(join(project, 'Makefile'), makefile);
  for (const name of ['file.c', 'src/file.c']) await writeFile(join(project, name), `#include <stdio.h>\nint of_${name.length}(void) { return puts("${name}"); }\n`);
  t.teardown(() => dev('down', farm));

  const text = page('README.md');
  const shown = blocks(text.slice(text.indexOf('## Five minutes'), text.indexOf('## What is where'))).filter(({ language }) => language === 'sh').flatMap(({ lines }) => lines);
  const inline = [...text.matchAll(/`(wardctl (?:policy check|audit verify|dev down|install-links) [^`]*)`/g)].map(([, command]) => command!);
  t.is(inline.length, 4);
  const lines = [...shown, ...inline]
    .filter((line) => line !== 'npm run build')
    .map((line) => line.replaceAll('/tmp/farm', quote(farm)).replaceAll('~/', `${quote(place)}/`));
  const at = lines.findIndex((line) => line.startsWith('make '));
  lines.splice(at, 0, `cd ${quote(project)}`);

  const steps = await runLines(lines, place, root);
  const step = (what: RegExp): Step => steps.find(({ line }) => what.test(line))!;
  const refused = [step(/people\/mallory/), step(/people\/carol/)];
  for (const { line, status, stderr } of steps) if (!refused.some((one) => one.line === line)) t.is(status, 0, `${line}\n${stderr}`);
  t.regex(step(/wardctl stats/).stdout, /\b2\b/);
  t.regex(step(/WARDCC_EXPLAIN=1/).stderr, /^wardcc: .*(remote|hit)/m);
  t.deepEqual(refused.map(({ status }) => status), [113, 119], refused.map(({ stderr }) => stderr).join(''));
  t.regex(refused[0]!.stderr, /committer/);
  t.regex(refused[1]!.stderr, /revoked/);
});

test('docs/certificates.md: the commands make what they say', async (t) => {
  t.timeout(120_000);
  const place = await temporaryDirectory(t);
  await writeFile(join(place, 'passphrase'), 'four words of passphrase\n', { mode: 0o600 });
  await execute(['openssl', 'req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', 'carol.key', '-subj', '/CN=x', '-out', 'carol.csr'], { cwd: place, env: process.env });
  const lines = blocks(page('docs/certificates.md'))[0]!.lines.map((line) => {
    const command = line.replace(/\s+#.*/, '').replaceAll(/[[\]]/g, '');
    return command.includes('certs list') ? command : `${command} --passphrase-file passphrase`;
  });
  const steps = await runLines(lines, place, place);
  for (const { line, status, stderr } of steps) t.is(status, 0, `${line}\n${stderr}`);
  const listed = JSON.parse(steps.at(-1)!.stdout) as object[];
  t.is(listed.length, 4);
  const verified = await execute(['openssl', 'verify', '-CAfile', 'ca/ca.pem', '-CRLfile', 'ca/crl.pem', '-crl_check', 'bob.pem', 'carol.pem', 'build1.pem'], { cwd: place, env: process.env });
  t.is(verified.status, 0, verified.stderr);
});

test('docs/policy.md: the commands answer about the example', async (t) => {
  t.timeout(120_000);
  const place = await temporaryDirectory(t);
  const examples = join(root, 'policy/examples');
  const lines = blocks(page('docs/policy.md'))[0]!.lines.map((line) =>
    line.replace(/ {3,}.*/, '').replaceAll(/[[\]]/g, '').replaceAll(/\bFILE\b/g, quote(join(examples, 'policy.jsonc'))).replace('> ', `> ${quote(place)}/`));
  for (const { line, status, stderr, stdout } of await runLines(lines, place, root)) {
    t.true(status === 0 || (status === 2 && /can-i|explain/.test(line)), `${line}\n${status}\n${stderr}${stdout}`);
  }
  t.is(typeof JSON.parse(await readFile(join(place, 'policy.schema.json'), 'utf8')), 'object');
});
