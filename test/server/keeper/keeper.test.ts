import { execFileSync } from 'node:child_process';
import { createPublicKey } from 'node:crypto';
import { once } from 'node:events';
import { appendFileSync, chmodSync, mkdirSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { readCheckpoint } from '../../../policy/log/checkpoint.ts';
import { readRecord, type LogRecord } from '../../../policy/log/record.ts';
import { verifyLog } from '../../../policy/log/verify.ts';
import { WardError } from '../../../protocol/errors.ts';
import { append, jobAllowed, jobEnd, keeperConfig, runKeeper, startKeeper, stop } from '../../fixtures/keeper.ts';
import { temporaryDirectory } from '../../fixtures/temporary.ts';

const readLog = async (t: ExecutionContext, directory: string): Promise<LogRecord[]> => {
  const records: LogRecord[] = [];
  const report = await verifyLog(join(directory, 'log'), { onRecord: (text) => records.push(readRecord(text)!) });
  t.deepEqual(report.findings, []);
  return records;
};

test('an answer names the record, and the chain goes on over restarts', async (t) => {
  const directory = await temporaryDirectory(t);
  for (const round of [0, 1]) {
    const keeper = await startKeeper(t, { directory });
    const { seq, hash } = await append(keeper, jobAllowed(`job ${round}`));
    t.is(seq, 2 + 4 * round);
    t.regex(hash, /^[0-9a-f]{64}$/);
    t.is((await append(keeper, jobEnd(seq))).seq, seq + 1);
    t.is(await stop(keeper), 0);
  }
  const records = await readLog(t, directory);
  t.deepEqual(
    records.map(({ seq, code, event }) => [seq, code, event]),
    [1, 2].flatMap((round) =>
      [
        ['WL001', 'log.opened'],
        ['WL200', 'job.allowed'],
        ['WL202', 'job.end'],
        ['WL003', 'log.closed'],
      ].map(([code, event], index) => [4 * (round - 1) + index + 1, code, event]),
    ),
  );
  t.deepEqual(records[1]!.request, jobAllowed('').request);
  t.is(readdirSync(join(directory, 'log')).filter((name) => name.endsWith('.jsonl')).length, 1);
});

test('kill -9 loses nothing that was answered', async (t) => {
  const directory = await temporaryDirectory(t);
  const answered: number[] = [];
  for (let round = 0; round < 4; round += 1) {
    const keeper = await startKeeper(t, { directory });
    let running = true;
    const workers = Array.from({ length: 8 }, async (_, worker) => {
      while (running) {
        try {
          answered.push((await append(keeper, jobAllowed(`${round} ${worker}`))).seq);
        } catch {
          return;
        }
      }
    });
    // In the middle of things: some are answered, others are on their way.
    const enough = answered.length + 40 + round * 7;
    while (answered.length < enough) await delay(1);
    keeper.process.kill('SIGKILL');
    await keeper.ended;
    running = false;
    await Promise.all(workers);
  }
  const keeper = await startKeeper(t, { directory });
  await stop(keeper);
  const seqs = new Set((await readLog(t, directory)).map(({ seq }) => seq));
  t.true(answered.length > 100);
  t.deepEqual(
    answered.filter((seq) => !seqs.has(seq)),
    [],
  );
});

test('with durability power, answers come after the disk and stay correct', async (t) => {
  const directory = await temporaryDirectory(t);
  const keeper = await startKeeper(t, { directory, config: { durability: 'power', rotateBytes: 20_000 } });
  const seqs = await Promise.all(Array.from({ length: 100 }, async (_, n) => (await append(keeper, jobAllowed(`${n}`))).seq));
  t.deepEqual(
    seqs,
    Array.from({ length: 100 }, (_, n) => n + 2),
  );
  t.is(await stop(keeper), 0);
  t.is((await readLog(t, directory)).length, 102);
});

test('files rotate at a size, are named by their first record, and nobody else may read them', async (t) => {
  const directory = await temporaryDirectory(t);
  const keeper = await startKeeper(t, { directory, config: { rotateBytes: 5000 } });
  for (let n = 0; n < 30; n += 1) await append(keeper, jobAllowed(`${n}`));
  await stop(keeper);
  const names = readdirSync(join(directory, 'log'))
    .filter((name) => name.endsWith('.jsonl'))
    .sort();
  t.true(names.length > 3);
  t.is(names[0], 'decisions-0000000000000001.jsonl');
  for (const name of names) t.is(statSync(join(directory, 'log', name)).mode & 0o007, 0);
  t.is(statSync(join(directory, 'log')).mode & 0o007, 0);
  const again = await startKeeper(t, { directory, config: { rotateBytes: 5000 } });
  await stop(again);
  t.is((await readLog(t, directory)).length, 34);
});

test('a torn last line is moved aside, said in the log and on standard error, and not continued', async (t) => {
  const directory = await temporaryDirectory(t);
  const keeper = await startKeeper(t, { directory });
  await append(keeper, jobAllowed('x'));
  keeper.process.kill('SIGKILL');
  await keeper.ended;
  const file = join(directory, 'log', 'decisions-0000000000000001.jsonl');
  truncateSync(file, statSync(file).size - 100);
  const torn = readFileSync(file).subarray(readFileSync(file).lastIndexOf(10) + 1);
  const again = await startKeeper(t, { directory });
  t.is((await append(again, jobAllowed('y'))).seq, 4);
  again.peer.close();
  const { how, stderr } = await again.ended;
  t.is(how, 0);
  const aside = readdirSync(join(directory, 'log')).find((name) => name.startsWith('torn-'))!;
  t.is(stderr, `wardccd keeper: ${torn.length} bytes of an incomplete record 2 were moved to ${aside}.\n`);
  t.deepEqual(readFileSync(join(directory, 'log', aside)), torn);
  const records = await readLog(t, directory);
  t.deepEqual(
    records.map(({ event }) => event),
    ['log.opened', 'log.recovered', 'log.opened', 'job.allowed', 'log.closed'],
  );
  t.is(records[1]!.message, `${torn.length} bytes of an incomplete record 2 were moved to ${aside}`);
});

test('a newest file without any whole record is begun again', async (t) => {
  const directory = await temporaryDirectory(t);
  mkdirSync(join(directory, 'log'));
  writeFileSync(join(directory, 'log', 'decisions-0000000000000001.jsonl'), '{"seq":1,"pr');
  const keeper = await startKeeper(t, { directory });
  await stop(keeper);
  t.deepEqual(
    (await readLog(t, directory)).map(({ event }) => event),
    ['log.recovered', 'log.opened', 'log.closed'],
  );
});

test('a damaged log is not continued', async (t) => {
  const directory = await temporaryDirectory(t);
  await stop(await startKeeper(t, { directory }));
  const file = join(directory, 'log', 'decisions-0000000000000001.jsonl');
  writeFileSync(file, readFileSync(file, 'utf8').replace('log.opened', 'log.0pened'));
  const { how, stderr } = await runKeeper(t, { directory });
  t.is(how, 1);
  t.is(
    stderr,
    `wardccd keeper: The decision log is damaged (${file}:1: record 1 was changed: its hash does not match), so it is not continued. ` +
      'Keep the directory as evidence, move it away, and start with an empty one.\n',
  );
});

test('a log that ends before its checkpoint is not continued', async (t) => {
  const directory = await temporaryDirectory(t);
  const keeper = await startKeeper(t, { directory });
  await append(keeper, jobAllowed('x'));
  await stop(keeper);
  const file = join(directory, 'log', 'decisions-0000000000000001.jsonl');
  const lines = readFileSync(file, 'utf8').split('\n');
  writeFileSync(file, `${lines[0]}\n`);
  const { how, stderr } = await runKeeper(t, { directory });
  t.is(how, 1);
  t.is(
    stderr,
    `wardccd keeper: The log in ${join(directory, 'log')} ends with record 1, ` +
      `but the checkpoint ${join(directory, 'state', 'checkpoint.json')} knows record 3: ` +
      'records are missing. If that is intended, move the checkpoint away.\n',
  );
});

test('a full disk refuses with log-unavailable, leaves no half record, and goes on when there is space again', async (t) => {
  const directory = await temporaryDirectory(t);
  const keeper = await startKeeper(t, { directory, through: ['prlimit', '--fsize=12000:unlimited'] });
  const seqs: number[] = [];
  const error = await t.throwsAsync(
    async () => {
      for (;;) seqs.push((await append(keeper, jobAllowed(`${seqs.length}`))).seq);
    },
    { instanceOf: WardError },
  );
  t.deepEqual([error?.code, error?.message], ['log-unavailable', 'The decision log cannot be written: the file may not grow.']);
  t.true(seqs.length > 3);
  const log = join(directory, 'log');
  t.is((await verifyLog(log)).records, seqs.length + 1);
  t.is(readFileSync(join(log, 'decisions-0000000000000001.jsonl')).at(-1), 10);
  await t.throwsAsync(append(keeper, jobAllowed('again')), {
    instanceOf: WardError,
    message: 'The decision log cannot be written: the file may not grow.',
  });
  execFileSync('prlimit', [`--pid=${keeper.pid}`, '--fsize=unlimited:unlimited']);
  t.is((await append(keeper, jobAllowed('free'))).seq, seqs.length + 2);
  t.is(await stop(keeper), 0);
  t.is((await readLog(t, directory)).length, seqs.length + 3);
});

test('a file system without space refuses with log-unavailable', async (t) => {
  const directory = await temporaryDirectory(t);
  const log = join(directory, 'log');
  mkdirSync(log);
  // A tmpfs that only this keeper sees, and that is gone with it.
  const through = ['unshare', '-rm', 'sh', '-c', 'mount -t tmpfs -o size=16k tmpfs "$0" && exec "$@"', log];
  try {
    execFileSync(through[0]!, [...through.slice(1), 'true'], { stdio: 'ignore' });
  } catch {
    t.pass('no user namespaces here; the test above takes the same path by a file size limit');
    return;
  }
  const keeper = await startKeeper(t, { directory, through });
  const error = await t.throwsAsync(
    async () => {
      for (;;) await append(keeper, jobAllowed('x'));
    },
    { instanceOf: WardError },
  );
  t.deepEqual([error?.code, error?.message], ['log-unavailable', 'The decision log cannot be written: the disk is full.']);
  t.deepEqual((await verifyLog(join(`/proc/${keeper.pid}/root`, log))).findings, []);
  await stop(keeper);
});

test('two keepers never write one log', async (t) => {
  const directory = await temporaryDirectory(t);
  const keeper = await startKeeper(t, { directory });
  const { how, stderr } = await runKeeper(t, { directory });
  t.is(how, 1);
  t.is(stderr, `wardccd keeper: Another keeper (process ${keeper.pid}) writes this log: ${join(directory, 'state', 'keeper.lock')}.\n`);
  t.is((await append(keeper, jobAllowed('x'))).seq, 2);
});

test('it ends in order when its parent is gone', async (t) => {
  const directory = await temporaryDirectory(t);
  const keeper = await startKeeper(t, { directory });
  keeper.process.stdin!.end();
  t.is((await keeper.ended).how, 0);
  t.deepEqual(
    (await readLog(t, directory)).map(({ event }) => event),
    ['log.opened', 'log.closed'],
  );
});

test('a checkpoint is signed, and tells when the tail of the log was cut off', async (t) => {
  const directory = await temporaryDirectory(t);
  const keeper = await startKeeper(t, { directory });
  for (let n = 0; n < 5; n += 1) await append(keeper, jobAllowed(`${n}`));
  const { json } = await keeper.peer.request({ type: 'checkpoint' });
  const key = createPublicKey(readFileSync(join(directory, 'state', 'result-key.pub.pem')));
  const checkpoint = await readCheckpoint(join(directory, 'state', 'checkpoint.json'), key);
  t.deepEqual(json, { ...checkpoint });
  t.is(checkpoint.seq, 6);
  keeper.process.kill('SIGKILL');
  await keeper.ended;
  const file = join(directory, 'log', 'decisions-0000000000000001.jsonl');
  t.true((await verifyLog(join(directory, 'log'), { checkpoint })).ok);
  writeFileSync(file, `${readFileSync(file, 'utf8').split('\n').slice(0, 4).join('\n')}\n`);
  t.true((await verifyLog(join(directory, 'log'))).ok);
  t.deepEqual(
    (await verifyLog(join(directory, 'log'), { checkpoint })).findings.map(({ message }) => message),
    ['the log ends with record 4, but the checkpoint knows record 6: its tail was cut off'],
  );
});

test('strangers are counted by address in a file of their own', async (t) => {
  const directory = await temporaryDirectory(t);
  const keeper = await startKeeper(t, { directory });
  for (const address of ['192.0.2.7', '::ffff:192.0.2.7', '2001:db8::1', '2001:db8:0:0:1::2'])
    await keeper.peer.request({ type: 'refused', address, why: 'certificate-invalid' });
  await keeper.peer.request({ type: 'refused', address: '192.0.2.7', why: 'whatever' });
  await stop(keeper);
  const { addresses } = JSON.parse(readFileSync(join(directory, 'log', 'refused-addresses.json'), 'utf8'));
  t.deepEqual(
    Object.entries(addresses).map(([address, { total, codes }]: any) => [address, total, codes]),
    [
      ['192.0.2.7', 3, { 'certificate-invalid': 2, other: 1 }],
      ['2001:db8:0:0::/64', 2, { 'certificate-invalid': 2 }],
    ],
  );
  t.is((await readLog(t, directory)).length, 2);
});

test('a secret that others may read stops it', async (t) => {
  const directory = await temporaryDirectory(t);
  await stop(await startKeeper(t, { directory }));
  const key = join(directory, 'state', 'result-key.pem');
  t.is(statSync(key).mode & 0o777, 0o600);
  chmodSync(key, 0o644);
  t.deepEqual(await runKeeper(t, { directory }), { how: 1, stderr: `wardccd keeper: ${key}: others may read this secret: chmod 600\n` });
});

test('without a line of configuration it says who starts it', async (t) => {
  const directory = await temporaryDirectory(t);
  const { directory: log } = keeperConfig(directory);
  const keeper = await startKeeper(t, { directory });
  await stop(keeper);
  appendFileSync(join(log, 'notes.txt'), 'a stranger in the directory is no log');
  t.true((await verifyLog(log)).ok);
  const { spawn } = await import('node:child_process');
  const child = spawn(process.execPath, [new URL('../../../server/keeper/main.ts', import.meta.url).pathname.replaceAll('%20', ' ')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const [code] = await once(child, 'close');
  t.deepEqual(
    [code, stderr],
    [1, 'wardccd keeper: Standard input ended before a line of configuration: this program is started by wardccd.\n'],
  );
});
