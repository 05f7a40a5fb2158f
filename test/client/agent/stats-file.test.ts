import { mkdirSync, readdirSync, readFileSync, renameSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { mostCounters, parseSavedStats, type SavedStats } from '../../../client/agent/saved-stats.ts';
import { StatsFile } from '../../../client/agent/stats-file.ts';
import { Stats } from '../../../client/agent/stats.ts';
import { temporaryDirectory } from '../../fixtures/temporary.ts';

const verify = { drawn: 3, agreed: 1, differed: 0, unsteady: 1, skipped: 1 };
const some = (remote: number): SavedStats => {
  const stats = new Stats();
  for (let job = 0; job < remote; job++) stats.count({ how: 'remote', server: 'farm1', ms: 2 });
  return { ...stats.save(), verify };
};
const place = { identity: '0123456789abcdef', name: 'aaaaaaaaaaaaaaaa' };

const outcome = fc.record({
  how: fc.constantFrom('remote', 'hit', 'local', 'denied', 'failed'), ms: fc.nat(1e6), server: fc.string(), reason: fc.string({ maxLength: 400 }), again: fc.string(),
}, { requiredKeys: ['how', 'ms'] }) as fc.Arbitrary<Parameters<Stats['count']>[0]>;

test('whatever was counted comes back as it was', (t) => {
  fc.assert(fc.property(fc.array(outcome), (outcomes) => {
    const [stats, other] = [new Stats(), new Stats()];
    for (const one of outcomes) stats.count(one);
    const saved = parseSavedStats(JSON.stringify({ ...stats.save(), verify }));
    other.restore(saved!);
    t.deepEqual(other.report(), stats.report());
    t.deepEqual(saved!.verify, verify);
  }));
});

test('endless reasons and servers stay within what is read back', (t) => {
  const stats = new Stats();
  for (let job = 0; job < 3 * mostCounters; job++) {
    stats.count({ how: 'remote', ms: 1, server: `${job}`.repeat(200), again: `${job}` });
    stats.count({ how: 'local', ms: 1, reason: `${job}` });
    stats.count({ how: 'failed', ms: 1, reason: `${job}` });
  }
  const saved = parseSavedStats(JSON.stringify({ ...stats.save(), verify }));
  t.is(Object.keys(saved!.localReasons).length, mostCounters + 1);
  t.is(Object.keys(saved!.servers).length, mostCounters + 1);
  t.is(saved!.localReasons['other'], 2 * mostCounters);
});

test('what is no file of counts is none', (t) => {
  const good = JSON.stringify(some(1));
  t.truthy(parseSavedStats(good));
  const value = JSON.parse(good) as Record<string, unknown>;
  const wrong = [{ ...value, since: -1 }, { ...value, more: 1 }, { ...value, jobs: {} }, { ...value, servers: { a: { remote: 1 } } }, { ...value, verify: undefined }, { ...value, refusals: { a: 1.5 } }, [], null, 1];
  for (const one of wrong) t.is(parseSavedStats(JSON.stringify(one)), undefined, JSON.stringify(one));
  fc.assert(fc.property(fc.nat(good.length - 1), (length) => t.is(parseSavedStats(good.slice(0, length)), undefined)));
  fc.assert(fc.property(fc.string(), (text) => t.is(parseSavedStats(text), undefined)));
});

test('a file is read back by the same place; another configuration has its own', async (t) => {
  const cache = await temporaryDirectory(t);
  const file = new StatsFile(cache, place);
  t.is(file.read(), undefined);
  file.write(some(1));
  file.write(some(2));
  t.is(file.read()?.jobs.remote, 2);
  t.is(new StatsFile(cache, { ...place, identity: 'fedcba9876543210' }).read(), undefined);
  const [name, ...more] = readdirSync(join(cache, 'stats'));
  t.deepEqual(more, []);
  t.is(statSync(join(cache, 'stats', name!)).mode & 0o777, 0o600);
});

test('another build goes on from the newest of its configuration, and writes a file of its own', async (t) => {
  const cache = await temporaryDirectory(t);
  for (const [build, remote] of [['1', 1], ['2', 2]] as const) {
    new StatsFile(cache, { ...place, name: build }).write(some(remote));
    const file = join(cache, 'stats', `${place.identity}-${build}.json`);
    utimesSync(file, remote, remote);
  }
  const next = new StatsFile(cache, { ...place, name: '3' });
  t.is(next.read()?.jobs.remote, 2);
  next.write(some(5));
  t.is(new StatsFile(cache, { ...place, name: '1' }).read()?.jobs.remote, 1);
  t.is(next.read()?.jobs.remote, 5);
});

test('a link, a directory and a file that is too large count nothing, and are replaced', async (t) => {
  const cache = await temporaryDirectory(t);
  const file = new StatsFile(cache, place);
  file.write(some(1));
  const path = join(cache, 'stats', `${place.identity}-${place.name}.json`);
  const elsewhere = join(cache, 'elsewhere');
  renameSync(path, elsewhere);
  symlinkSync(elsewhere, path);
  t.is(file.read(), undefined);
  new StatsFile(cache, place).write(some(3));
  t.is(file.read()?.jobs.remote, 3);
  t.is((JSON.parse(readFileSync(elsewhere, 'utf8')) as SavedStats).jobs.remote, 1);
  writeFileSync(path, `${JSON.stringify(some(1))}${' '.repeat(2 ** 20)}`);
  t.is(file.read(), undefined);
});

test('the newest thirty-two files are kept; a cache that cannot be written holds nobody up', async (t) => {
  const cache = await temporaryDirectory(t);
  for (let build = 0; build < 40; build++) new StatsFile(cache, { ...place, name: `${build}` }).write(some(build));
  t.is(readdirSync(join(cache, 'stats')).length, 32);
  t.is(new StatsFile(cache, { ...place, name: '39' }).read()?.jobs.remote, 39);

  const full = join(cache, 'full');
  mkdirSync(full);
  writeFileSync(join(full, 'stats'), '');
  const file = new StatsFile(full, place);
  file.write(some(1));
  t.is(file.read(), undefined);
});
