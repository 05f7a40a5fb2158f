import { appendFileSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn, setTimeout as pause } from 'node:timers/promises';
import test from 'ava';
import { ProvenanceLog, searchProvenance } from '../../../client/results/provenance-log.ts';
import { envelopeOf, statementOf, type Claim } from '../../../protocol/statement.ts';
import { temporaryDirectory } from '../../fixtures/temporary.ts';

const claim: Claim = {
  server: 's', epoch: 1, job: 1, principal: 'cert:a', domain: 'd', policy: '1'.repeat(64), toolchain: '2'.repeat(64), action: '3'.repeat(64), finished: '',
};
const empty = { digest: '4'.repeat(64), size: 0 };
const digestOf = (number: number): string => number.toString(16).padStart(64, '0');
/** The envelope of an object, under a signature of its own. */
const envelope = (number: number) => {
  const outputs = [{ index: 0, mode: 0o644, digest: digestOf(number), size: 1 }];
  return envelopeOf(statementOf(claim, { stdout: empty, stderr: empty, outputs }, ['/as/signed.o']), { key: 'k', signature: `signature ${number}` });
};

test('a result is found by digest and by path, a local compile by path, after the agent has ended', async (t) => {
  const directory = await temporaryDirectory(t);
  const log = new ProvenanceLog(directory);
  log.signed(envelope(1), [`/w/${1}.o`]);
  log.local(['/w/"quoted".o'], 'date-macro');
  await log.close();
  const records = searchProvenance(directory);
  t.deepEqual(records.byDigest(digestOf(1))?.envelope, envelope(1));
  t.like(records.byPath('/w/1.o'), { outputs: { '/w/1.o': digestOf(1) } });
  t.like(records.byPath('/w/"quoted".o'), { local: 'date-macro' });
  t.is(records.byDigest(digestOf(2)), undefined);
  t.is(records.byPath('/w/1'), undefined);
  t.is(statSync(join(directory, 'current.jsonl')).mode & 0o777, 0o600);
});

test('the newest record of a path counts; the same result is written once', async (t) => {
  const directory = await temporaryDirectory(t);
  const log = new ProvenanceLog(directory);
  for (let times = 0; times < 3; times++) log.signed(envelope(1), ['/w/a.o']);
  log.signed(envelope(2), ['/w/a.o']);
  for (let turns = 0; turns < 3000 && searchProvenance(directory).byDigest(digestOf(2)) === undefined; turns++) await pause(10);
  const { size } = statSync(join(directory, 'current.jsonl'));
  log.signed(envelope(1), ['/w/a.o']);
  await log.close();
  t.is(statSync(join(directory, 'current.jsonl')).size, size);
  t.like(searchProvenance(directory).byPath('/w/a.o'), { outputs: { '/w/a.o': digestOf(2) } });
});

test('two files are kept, each no larger than it may be, and several agents may write at once', async (t) => {
  const directory = await temporaryDirectory(t);
  const largest = 20_000;
  const logs = [new ProvenanceLog(directory, largest), new ProvenanceLog(directory, largest)];
  for (let number = 1; number <= 100; number++) {
    logs[number % 2]!.signed(envelope(number), [`/w/${number}.o`]);
    if (number % 5 === 0) await pause(2);
  }
  for (const log of logs) await log.close();
  const last = new ProvenanceLog(directory, largest);
  last.signed(envelope(101), ['/w/101.o']);
  await last.close();
  t.deepEqual(readdirSync(directory).sort(), ['current.jsonl', 'previous.jsonl']);
  for (const name of readdirSync(directory)) t.true(statSync(join(directory, name)).size < 2 * largest);
  const records = searchProvenance(directory);
  t.truthy(records.byDigest(digestOf(101)));
  t.is(records.byDigest(digestOf(1)), undefined);
});

test('what is being written when the agent ends is written whole', async (t) => {
  const directory = await temporaryDirectory(t);
  for (let number = 1; number <= 50; number++) {
    const log = new ProvenanceLog(directory);
    log.signed(envelope(number), [`/w/${number}.o`]);
    // The write has begun by then, in another thread.
    await turn();
    log.signed(envelope(number + 1000), [`/w/${number + 1000}.o`]);
    await log.close();
  }
  const records = searchProvenance(directory);
  for (let number = 1; number <= 50; number++) for (const each of [number, number + 1000]) t.truthy(records.byDigest(digestOf(each)), `${each}`);
});

test('a line that was cut off, and a place where nothing can be written, cost no more than the record', async (t) => {
  const directory = await temporaryDirectory(t);
  const log = new ProvenanceLog(directory);
  log.signed(envelope(1), [`/w/${1}.o`]);
  await log.close();
  appendFileSync(join(directory, 'current.jsonl'), `{"at":1,"outputs":{"/w/1.o":"${digestOf(1)}"`);
  t.deepEqual(searchProvenance(directory).byDigest(digestOf(1))?.envelope, envelope(1));

  const taken = join(directory, 'taken');
  mkdirSync(join(taken, 'current.jsonl'), { recursive: true });
  const nowhere = new ProvenanceLog(taken);
  nowhere.signed(envelope(1), [`/w/${1}.o`]);
  await pause(20);
  await nowhere.close();
  t.is(searchProvenance(taken).byDigest(digestOf(1)), undefined);
});
