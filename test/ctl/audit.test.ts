import { execFile } from 'node:child_process';
import { cpSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { jobAllowed, jobEnd, startKeeper } from '../fixtures/keeper.ts';
import { temporaryDirectory } from '../fixtures/temporary.ts';

const main = join(import.meta.dirname, '../../ctl/main.ts');
const file = 'decisions-0000000000000001.jsonl';

/** A real keeper's log of two jobs and a refusal, and wardctl beside it. */
const bench = async (t: ExecutionContext) => {
  const directory = await temporaryDirectory(t);
  const keeper = await startKeeper(t, { directory });
  const append = async (event: object) => (await keeper.peer.request({ type: 'append', event })).json.seq as number;
  await append(jobEnd(await append(jobAllowed('one'))));
  await append({
    ...jobAllowed('two'),
    event: 'job.denied',
    principal: 'cert:bob',
    committer: 'bob',
    verdict: 'deny',
    reason: 'policy-denied',
    rule: 'no-bob',
  });
  const wardctl = (...args: string[]) =>
    new Promise<{ code: number; out: string }>((resolve) => {
      execFile(
        process.execPath,
        [main, 'audit', ...args],
        { cwd: directory, env: { PATH: process.env['PATH'] } },
        (error, stdout, stderr) => resolve({ code: typeof error?.code === 'number' ? error.code : 0, out: stdout + stderr }),
      );
    });
  return { directory, keeper, append, wardctl };
};

const cutNote = 'note: without a checkpoint, it cannot be seen whether the last records were cut off\n';

test('verify accepts a live log and a copy of it', async (t) => {
  const { directory, wardctl, append } = await bench(t);
  let running = true;
  const writing = (async () => {
    while (running) await append(jobAllowed('more'));
  })();
  for (let round = 0; round < 3; round += 1) {
    const live = await wardctl('verify', 'log');
    t.is(live.code, 0, live.out);
    cpSync(join(directory, 'log'), join(directory, `copy ${round}`), { recursive: true });
    const copied = await wardctl('verify', `copy ${round}`, '--json');
    t.is(copied.code, 0, copied.out);
    t.like(JSON.parse(copied.out), { ok: true, directory: `copy ${round}` });
  }
  running = false;
  await writing;
});

test('verify: 0 in order, 1 unreadable, 2 findings with file and line', async (t) => {
  const { directory, keeper, wardctl } = await bench(t);
  keeper.peer.close();
  await keeper.ended;
  const good = await wardctl('verify', 'log');
  t.is(good.code, 0);
  t.regex(good.out, new RegExp(`^${cutNote}log: OK, 5 records in 1 file, 1 to 5, last hash [0-9a-f]{64}\n$`));
  const absent = await wardctl('verify', 'absent');
  t.is(absent.code, 1);
  t.regex(absent.out, /^wardctl: absent: this cannot be read \(ENOENT\)/);
  const path = join(directory, 'log', file);
  writeFileSync(path, readFileSync(path, 'utf8').replace('cert:alice', 'cert:malli'));
  const changed = await wardctl('verify', 'log');
  t.is(changed.code, 2);
  t.regex(
    changed.out,
    new RegExp(`^log/${file}:2: record 2 was changed: its hash does not match\n${cutNote}log: 1 finding, 4 records in 1 file`),
  );
});

test('verify with a checkpoint finds a tail that was cut off; the checkpoint must be signed', async (t) => {
  const { directory, keeper, wardctl } = await bench(t);
  keeper.peer.close();
  await keeper.ended;
  const checkpoint = ['--checkpoint', 'state/checkpoint.json', '--key', 'state/result-key.pub.pem'];
  t.is((await wardctl('verify', 'log', ...checkpoint)).code, 0);
  const path = join(directory, 'log', file);
  writeFileSync(path, `${readFileSync(path, 'utf8').split('\n').slice(0, 3).join('\n')}\n`);
  t.is((await wardctl('verify', 'log')).code, 0);
  const cut = await wardctl('verify', 'log', ...checkpoint);
  t.is(cut.code, 2);
  t.regex(cut.out, /^log: the log ends with record 3, but the checkpoint knows record 5: its tail was cut off\n/);
  const state = join(directory, 'state', 'checkpoint.json');
  writeFileSync(state, readFileSync(state, 'utf8').replace('"seq":5', '"seq":3'));
  const forged = await wardctl('verify', 'log', ...checkpoint);
  t.is(forged.code, 1);
  t.regex(forged.out, /^wardctl: state\/checkpoint\.json: the signature of the checkpoint is not valid for this key/);
});

test('query finds records by who, what, rule and time', async (t) => {
  const { wardctl } = await bench(t);
  const seqs = async (...args: string[]) => {
    const { code, out } = await wardctl('query', 'log', '--json', ...args);
    t.is(code, 0, out);
    return out
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line).seq);
  };
  t.deepEqual(await seqs(), [1, 2, 3, 4]);
  t.deepEqual(await seqs('--committer', 'bob'), [4]);
  t.deepEqual(await seqs('--principal', 'cert:alice@corp.example'), [2, 3]);
  t.deepEqual(await seqs('--event', 'WL200'), [2]);
  t.deepEqual(await seqs('--event', 'job.end'), [3]);
  t.deepEqual(await seqs('--verdict', 'deny'), [4]);
  t.deepEqual(await seqs('--rule', 'no-bob', '--reason', 'policy-denied', '--project', 'default'), [4]);
  t.deepEqual(await seqs('--since', '2000-01-01', '--until', '2001-01-01'), []);
  t.deepEqual(await seqs('--limit', '2'), [3, 4]);
  const shown = await wardctl('query', 'log', '--verdict', 'deny');
  t.regex(shown.out, /^4 {2}\S+Z {2}job\.denied {2}cert:bob {2}127\.0\.0\.1 {2}no-bob {2}default policy-denied\n$/);
  t.is((await wardctl('query', 'log', '--event', 'job.flown')).code, 1);
  t.is((await wardctl('query', 'log', '--since', 'yesterday')).code, 1);
});

test('query of a log that does not verify shows what is good, says so, and exits with 2', async (t) => {
  const { directory, keeper, wardctl } = await bench(t);
  keeper.peer.close();
  await keeper.ended;
  const path = join(directory, 'log', file);
  writeFileSync(path, readFileSync(path, 'utf8').replace('cert:bob', 'cert:eve'));
  const { code, out } = await wardctl('query', 'log', '--json');
  t.is(code, 2);
  t.regex(out, /wardctl: log: this log does not verify \(1 finding\): wardctl audit verify\n$/);
  t.false(out.includes('cert:eve'));
});

test('a directory with the logs of several servers is all of them', async (t) => {
  const { directory, keeper, wardctl } = await bench(t);
  await keeper.peer.request({ type: 'checkpoint' });
  cpSync(join(directory, 'log'), join(directory, 'copy'), { recursive: true });
  renameSync(join(directory, 'copy'), join(directory, 'log', 'server-2'));
  const good = await wardctl('verify', 'log');
  t.is(good.code, 0);
  t.regex(good.out, /^log: OK, 4 records.*\n[^]*^log\/server-2: OK, 4 records/m);
  t.is((await wardctl('query', 'log', '--json', '--event', 'job.end')).out.split('\n').length, 3);
  const path = join(directory, 'log', 'server-2', file);
  writeFileSync(path, readFileSync(path, 'utf8').replace('cert:bob', 'cert:eve'));
  const { code, out } = await wardctl('verify', 'log', '--json');
  t.is(code, 2);
  const report = JSON.parse(out);
  t.deepEqual(
    [report.ok, report.logs.map(({ directory: each, ok }: { directory: string; ok: boolean }) => [each, ok])],
    [
      false,
      [
        ['log', true],
        ['log/server-2', false],
      ],
    ],
  );
  const several = await wardctl('verify', 'log', '--checkpoint', 'state/checkpoint.json');
  t.is(several.code, 1);
  t.regex(several.out, /^wardctl: log holds the logs of 2 servers: name the one that the checkpoint is for\./);
});
