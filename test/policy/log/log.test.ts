import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { keyId, readCheckpoint, signCheckpoint, signResult, verifyCheckpoint, verifyResult } from '../../../policy/log/checkpoint.ts';
import { eventTable, findEventMistake, type LogEvent } from '../../../policy/log/events.ts';
import { chainStart, formatRecord, logFileName, parseLine, readRecord, type ChainEnd } from '../../../policy/log/record.ts';
import { redactArguments, redactValue } from '../../../policy/log/redact.ts';
import { verifyLog, type VerifyOptions } from '../../../policy/log/verify.ts';
import { WardError } from '../../../protocol/errors.ts';
import { jobAllowed, jobEnd } from '../../fixtures/keeper.ts';
import { temporaryDirectory } from '../../fixtures/temporary.ts';

const time = new Date('2026-11-20T08:00:00.123Z');

/** The lines of a small log, and the ends of its chain. */
const write = (events: readonly LogEvent[], start: ChainEnd = chainStart): { lines: string[]; ends: ChainEnd[] } => {
  const lines: string[] = [];
  const ends: ChainEnd[] = [];
  for (const event of events) {
    const { line, end } = formatRecord(ends.at(-1) ?? start, event, time);
    lines.push(line);
    ends.push(end);
  }
  return { lines, ends };
};

const events: LogEvent[] = [{ event: 'log.opened', server: 's' }, jobAllowed('a'), jobEnd(2), { event: 'log.closed' }];

/** Verifies files of the given content. */
const verify = async (t: ExecutionContext, files: Readonly<Record<string, string | Buffer>>, options?: VerifyOptions) => {
  const directory = await temporaryDirectory(t);
  for (const [name, content] of Object.entries(files)) writeFileSync(join(directory, name), content);
  const report = await verifyLog(directory, options);
  const short = (text: string) => text.replaceAll(`${directory}/`, '').replaceAll(directory, 'DIR');
  return {
    ...report,
    told: report.findings.map(({ file, line, message }) => `${short(file)}:${line} ${message}`),
    notes: report.notes.map(short),
  };
};

const name = logFileName(1);

test('a line is one JSON object that begins with its number and ends with its hash', (t) => {
  const { lines, ends } = write(events);
  const record = JSON.parse(lines[1]!);
  t.deepEqual(Object.keys(record).slice(0, 5), ['seq', 'prev', 'time', 'code', 'event']);
  t.like(record, {
    seq: 2,
    prev: ends[0]!.hash,
    time: '2026-11-20T08:00:00.123Z',
    code: 'WL200',
    event: 'job.allowed',
    hash: ends[1]!.hash,
  });
  t.like(parseLine(Buffer.from(lines[1]!.slice(0, -1))), { seq: 2, hash: ends[1]!.hash });
  t.is(readRecord(lines[1]!)?.principal, 'cert:alice@corp.example');
});

test('an intact log verifies, in one file or several', async (t) => {
  const { lines, ends } = write(events);
  const one = await verify(t, { [name]: lines.join('') });
  t.like(one, { ok: true, records: 4, files: 1, told: [], first: ends[0]!, last: ends[3]! });
  t.deepEqual(one.notes, ['without a checkpoint, it cannot be seen whether the last records were cut off']);
  const several = await verify(t, { [name]: lines.slice(0, 3).join(''), [logFileName(4)]: lines[3]!, 'refused-addresses.json': '{}' });
  t.like(several, { ok: true, records: 4, files: 2 });
});

test('every bit of a log that is toggled is found', async (t) => {
  const directory = await temporaryDirectory(t);
  const { lines } = write([
    { event: 'log.opened', server: 's' },
    { event: 'session.ended', principal: 'ssh:a' },
    { event: 'log.closed', message: '\u00e4"}' },
  ]);
  const intact = Buffer.from(lines.join(''));
  const missed: string[] = [];
  for (let bit = 0; bit < intact.length * 8; bit += 1) {
    const changed = Buffer.from(intact);
    changed[bit >> 3]! ^= 1 << (bit & 7);
    writeFileSync(join(directory, name), changed);
    if ((await verifyLog(directory)).ok) missed.push(`bit ${bit & 7} of byte ${bit >> 3}`);
  }
  t.deepEqual(missed, []);
  t.log(`${intact.length * 8} bits toggled`);
});

test('any line that is removed, repeated or moved is found, but for the last ones', async (t) => {
  const { lines } = write([...events, ...events.slice(1)]);
  const directory = await temporaryDirectory(t);
  const indices = lines.map((_, index) => index);
  await fc.assert(
    fc.asyncProperty(fc.oneof(fc.subarray(indices), fc.array(fc.constantFrom(...indices), { maxLength: 9 })), async (order) => {
      writeFileSync(join(directory, name), order.map((index) => lines[index]).join(''));
      const inOrder = order.every((index, place) => index === place);
      t.is((await verifyLog(directory)).ok, inOrder, order.join(' '));
    }),
    { numRuns: 400 },
  );
});

test('what was changed is told by file and line, once for each place', async (t) => {
  const { lines } = write(events);
  t.deepEqual((await verify(t, { [name]: [lines[0], lines[2], lines[3]].join('') })).told, [
    `${name}:2 record 2 is missing: record 3 stands in its place`,
  ]);
  t.deepEqual((await verify(t, { [name]: lines.join('').replace('alice', 'malli') })).told, [
    `${name}:2 record 2 was changed: its hash does not match`,
  ]);
  t.deepEqual((await verify(t, { [name]: lines.join('').replace('{"seq":2', 'x{"seq":2') })).told, [`${name}:2 this is no record`]);
  const { lines: others } = write([events[0]!, jobAllowed('other')]);
  t.deepEqual((await verify(t, { [name]: [lines[0], others[1], lines[2]].join('') })).told, [
    `${name}:3 record 3 does not follow record 2 as it stands here`,
  ]);
  t.deepEqual((await verify(t, { [name]: lines.slice(0, 2).join(''), [logFileName(9)]: lines[2]! })).told, [
    `${logFileName(9)}:1 the file begins with record 3, and its name says 9`,
  ]);
  t.deepEqual((await verify(t, { [name]: '', [logFileName(2)]: lines[1]! })).told, [
    `${name}:0 the file is empty, and another follows`,
    `${logFileName(2)}:1 record 1 is missing: record 2 stands in its place`,
  ]);
});

test('an incomplete last line is a note; anywhere else, or changed, it is a finding', async (t) => {
  const { lines } = write(events);
  const whole = lines.join('');
  for (const cut of [1, 2, 60, 75, 80, 120, lines[3]!.length - 1]) {
    const report = await verify(t, { [name]: whole.slice(0, -cut) });
    t.true(report.ok, `${cut}`);
    t.regex(report.notes[0]!, new RegExp(`^${name}:4: the last line is incomplete \\(\\d+ bytes\\)`));
  }
  t.deepEqual((await verify(t, { [name]: lines[0]!.slice(0, -9), [logFileName(2)]: lines[1]! })).told, [
    `${name}:1 the line end is missing or was changed`,
  ]);
  t.deepEqual((await verify(t, { [name]: `${lines[0]}{"seq":3,` })).told, [`${name}:2 the line end is missing or was changed`]);
});

test('a checkpoint shows a tail that was cut off and a log that was written anew', async (t) => {
  const { lines, ends } = write(events);
  t.true((await verify(t, { [name]: lines.join('') }, { checkpoint: ends[2]! })).ok);
  t.deepEqual((await verify(t, { [name]: lines.slice(0, 2).join('') }, { checkpoint: ends[2]! })).told, [
    'DIR:0 the log ends with record 2, but the checkpoint knows record 3: its tail was cut off',
  ]);
  const { lines: others } = write([...events.slice(0, 2), { ...jobEnd(2), message: 'x' }]);
  t.deepEqual((await verify(t, { [name]: others.join('') }, { checkpoint: ends[2]! })).told, [
    'DIR:0 record 3 is not the one that the checkpoint names: the log was rewritten',
  ]);
  t.deepEqual((await verify(t, { [logFileName(4)]: lines[3]! }, { checkpoint: ends[2]!, retained: true })).told, [
    'DIR:0 record 3, which the checkpoint names, is not here',
  ]);
});

test('a log whose old files were removed verifies only when that is said', async (t) => {
  const { lines } = write(events);
  t.deepEqual((await verify(t, { [logFileName(3)]: lines.slice(2).join('') })).told, [
    `${logFileName(3)}:1 record 1 is missing: record 3 stands in its place`,
  ]);
  const retained = await verify(t, { [logFileName(3)]: lines.slice(2).join('') }, { retained: true });
  t.true(retained.ok);
  t.true(retained.notes.includes('the log begins with record 3: what was before is not here'));
});

test('a directory that is absent, empty or holds a stranger is no log', async (t) => {
  const directory = await temporaryDirectory(t);
  const refused = async (path: string, message: string) => {
    const error = await t.throwsAsync(verifyLog(path), { instanceOf: WardError });
    t.deepEqual([error?.code, error?.message], ['config-invalid', message]);
  };
  await refused(join(directory, 'x'), `${join(directory, 'x')}: this cannot be read (ENOENT)`);
  await refused(directory, `${directory}: there is no log in this directory`);
  mkdirSync(join(directory, 'sub'));
  writeFileSync(join(directory, 'notes.jsonl'), '');
  await refused(directory, `${join(directory, 'notes.jsonl')}: this is not the name of a log file`);
});

test('any bytes as a log are findings or notes, never a crash', async (t) => {
  const directory = await temporaryDirectory(t);
  const { lines } = write(events);
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.array(fc.constantFrom(...lines, '\n', '{', '{"seq":1,', '"}'), { maxLength: 6 }).map((parts) => Buffer.from(parts.join(''))),
  );
  await fc.assert(
    fc.asyncProperty(bytes, async (content) => {
      writeFileSync(join(directory, name), content);
      const { ok, records } = await verifyLog(directory);
      return !ok || records <= 4;
    }),
    { numRuns: 400 },
  );
  t.pass();
});

test('event codes are unique and stable', (t) => {
  t.deepEqual(
    Object.entries(eventTable).map(([event, { code }]) => `${code} ${event}`),
    [
      'WL001 log.opened',
      'WL002 log.recovered',
      'WL003 log.closed',
      'WL010 server.started',
      'WL011 server.stopping',
      'WL020 policy.loaded',
      'WL021 policy.refused',
      'WL022 committers.changed',
      'WL023 committers.failed',
      'WL024 tls.changed',
      'WL025 tls.refused',
      'WL026 keytab.refused',
      'WL027 krl.refused',
      'WL028 farm.loaded',
      'WL029 farm.refused',
      'WL030 toolchain.withdrawn',
      'WL100 session.allowed',
      'WL101 session.denied',
      'WL102 session.ended',
      'WL103 access.ended',
      'WL110 peer.allowed',
      'WL111 peer.denied',
      'WL112 result.fetched',
      'WL113 result.denied',
      'WL200 job.allowed',
      'WL201 job.denied',
      'WL202 job.end',
    ],
  );
});

test('an event is checked for its form, its writer and what it needs', (t) => {
  t.is(findEventMistake(jobAllowed('x'), 'front'), undefined);
  t.is(findEventMistake(jobEnd(1), 'front'), undefined);
  t.is(findEventMistake({ event: 'log.closed' }, 'front'), 'the event log.closed is not for the front to write');
  t.is(findEventMistake({ ...jobAllowed('x'), rule: undefined }, 'front'), 'the event job.allowed lacks "rule"');
  for (const event of [
    undefined,
    null,
    'x',
    {},
    { event: 'nothing' },
    { ...jobAllowed('x'), token: 'y' },
    { ...jobAllowed('x'), request: { env: {} } },
  ]) {
    t.regex(findEventMistake(event, 'front') ?? '', /^the event is not valid/);
  }
});

test('arguments are logged by name; no value that could be a secret is', (t) => {
  const key = Buffer.alloc(32, 7);
  const argv = [
    '/usr/bin/gcc',
    '-c',
    '-O2',
    '-std=c11',
    '-Wall',
    '-DTOKEN=hunter2',
    '-D',
    'PASSWORD=hunter2',
    '-Ihunter2',
    '-I',
    'hunter2',
    '-o',
    'hunter2.o',
    'hunter2.c',
    '-fhunter2',
    '@hunter2',
    '-include',
    'hunter2.h',
  ];
  const redacted = redactArguments(argv, 'gcc', key);
  t.false(redacted.join(' ').includes('hunter2'));
  const digest = (value: string) => redactValue(value, key);
  t.deepEqual(redacted, [
    '-c',
    '-O2',
    '-std=c11',
    '-Wall',
    `-D${digest('TOKEN=hunter2')}`,
    `-D${digest('PASSWORD=hunter2')}`,
    `-I${digest('hunter2')}`,
    `-I${digest('hunter2')}`,
    `-o${digest('hunter2.o')}`,
    digest('hunter2.c'),
    digest('-fhunter2'),
    digest('@hunter2'),
    `-include${digest('hunter2.h')}`,
  ]);
  t.regex(digest('a'), /^#[0-9a-f]{16}$/);
  t.not(digest('a'), redactValue('a', Buffer.alloc(32, 8)));
});

test('signatures hold for exactly what was signed, and a result never passes for a checkpoint', async (t) => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const other = generateKeyPairSync('ed25519');
  const result = 'a statement';
  const signature = signResult(result, privateKey);
  t.true(verifyResult(result, signature, publicKey));
  t.false(verifyResult(result, signature, other.publicKey));
  for (const other of ['a statement ', 'A statement', '']) t.false(verifyResult(other, signature, publicKey));
  for (const garbage of ['', 'x', signature.slice(4), `${signature}AAAA`]) t.false(verifyResult(result, garbage, publicKey));

  const checkpoint = signCheckpoint({ seq: 3, hash: '33'.repeat(32) }, 's', time, privateKey, publicKey);
  t.is(checkpoint.key, keyId(publicKey));
  t.true(verifyCheckpoint(checkpoint, publicKey));
  t.false(verifyCheckpoint({ ...checkpoint, signature }, publicKey));
  for (const change of [{ seq: 4 }, { hash: '44'.repeat(32) }, { origin: 'x' }, { time: '2026' }, { key: '0'.repeat(16) }])
    t.false(verifyCheckpoint({ ...checkpoint, ...change }, publicKey));
  const file = join(await temporaryDirectory(t), 'checkpoint.json');
  writeFileSync(file, JSON.stringify(checkpoint));
  t.deepEqual(await readCheckpoint(file, publicKey), checkpoint);
  const error = await t.throwsAsync(readCheckpoint(file, other.publicKey), { instanceOf: WardError });
  t.deepEqual([error?.code, error?.message], ['config-invalid', `${file}: the signature of the checkpoint is not valid for this key`]);
});
