/**
 * Many people at one server: two hundred sessions of fifty holders of tickets, all at once.
 */
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { run } from '../../ctl/dev/command.ts';
import { commandOf, sessionOf } from '../../ctl/dev/processes.ts';
import { readFarmRecord } from '../../ctl/dev/farm-record.ts';
import { getTicket, realmEnvironment, type Realm } from '../../ctl/dev/realm.ts';
import { changingFarm } from '../fixtures/changing-farm.ts';
import { enter, initiate, target, wellBehaved, type Entered } from '../krb5/raw-client.ts';

const people = 50;
const sessionsEach = 4;
const mostBytes = 250 * 2 ** 20;

const farm = changingFarm(test, ['--krb5', '--cores', '2']);

/** The most memory that the front has ever had. */
const peakOfFront = async (): Promise<number> => {
  const server = (await readFarmRecord(farm.layout.record))!.processes.find(({ role }) => role === 'server 1')!;
  const front = sessionOf(server).find((one) => commandOf(one).startsWith('wardccd: front'))!;
  return Number(/^VmHWM:\s+([0-9]+) kB$/m.exec(readFileSync(`/proc/${front.pid}/status`, 'utf8'))![1]) * 1024;
};

test.serial(`${people * sessionsEach} sessions of ${people} people over Kerberos at once: each is let in by name, and the front stays small`, async (t) => {
  t.timeout(240_000);
  const directory = join(farm.layout.directory, 'realm');
  const realm: Realm = {
    name: 'WARDCC.TEST', directory, port: 0, environment: { KRB5_CONFIG: join(directory, 'krb5.conf'), KRB5_KDC_PROFILE: join(directory, 'kdc.conf') },
  };
  const names = Array.from({ length: people }, (_, index) => `person${index}`);
  await run('kadmin.local', [], { env: realmEnvironment(realm), input: names.map((name) => `addprinc -pw secret ${name}\n`).join('') });
  const before = (await farm.events()).length;
  await farm.committers((others) => [...others, ...names]);
  await farm.event(({ event }) => event === 'committers.changed', before);
  process.env['KRB5_CONFIG'] = realm.environment['KRB5_CONFIG'];
  const port = Number(/"port": ([0-9]+)/.exec(await readFile(join(farm.layout.server(1), 'server.jsonc'), 'utf8'))![1]);
  const small = await peakOfFront();

  const entering: Promise<Entered>[] = [];
  for (const [index, name] of names.entries()) {
    const cache = join(farm.shared.place, 'tmp', `cache-${name}`);
    await getTicket(realm, name, 'secret', cache);
    for (let one = 0; one < sessionsEach; one++) {
      // From several addresses: one may not hold so many connections.
      entering.push(enter(port, target(realm), wellBehaved(await initiate(`FILE:${cache}`)), `127.0.0.${2 + (index % 8)}`));
    }
    await run('kdestroy', ['-c', cache], { env: realmEnvironment(realm) });
  }
  const entered = await Promise.all(entering);
  t.deepEqual(entered.map(({ principal }) => principal), names.flatMap((name) => Array.from({ length: sessionsEach }, () => `krb5:${name}@WARDCC.TEST`)));
  const pings = await Promise.all(entered.map(({ channel }) => channel.ping()));
  t.is(pings.length, people * sessionsEach);
  const peak = await peakOfFront();
  t.log(`the front: ${Math.round(small / 2 ** 20)} MB before, at most ${Math.round(peak / 2 ** 20)} MB with ${entered.length} sessions`);
  t.true(peak <= mostBytes, `${peak} bytes`);
  for (const { channel } of entered) channel.close();
});
