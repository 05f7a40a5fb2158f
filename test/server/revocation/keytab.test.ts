/**
 * Keys of the service that are taken out of the keytab while people compile over tickets for them.
 */
import { chmod, rename } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { getTicket, writeKeytab, type Realm } from '../../../ctl/dev/realm.ts';
import { assertCutOff, changingFarm } from '../../fixtures/changing-farm.ts';

const farm = changingFarm(test, ['--krb5', '--cores', '2']);
const long = 90;

const realm = (): Realm => {
  const directory = join(farm.layout.directory, 'realm');
  return {
    name: 'WARDCC.TEST', directory, port: 0,
    environment: { KRB5_CONFIG: join(directory, 'krb5.conf'), KRB5_KDC_PROFILE: join(directory, 'kdc.conf') },
  };
};

const kinit = (person: string): Promise<void> => getTicket(realm(), person, `the password of ${person}`, join(farm.layout.people, person, 'ccache'));

test.serial('who came with a ticket for a key that is taken out is cut off within 2 s, and the log says why; who has a newer one is not', async (t) => {
  const keytab = join(farm.layout.server(1), 'service.keytab');
  const service = 'wardcc/localhost@WARDCC.TEST';
  const before = (await farm.events()).length;
  const alice = await farm.compile('alice', 'older', long);
  await alice.begun();
  // Rotation: new keys stand beside the old ones at first.
  await writeKeytab(realm(), service, keytab, { keep: false });
  await writeKeytab(realm(), service, `${keytab}.new`);
  await chmod(`${keytab}.new`, 0o600);
  await kinit('bob');
  const bob = await farm.compile('bob', 'newer', 5);
  await bob.begun();
  t.false((await farm.events()).slice(before).some(({ event }) => event === 'access.ended'));

  const stderr = await assertCutOff(t, alice, () => rename(`${keytab}.new`, keytab));
  const gone = `The key of ${service} with which the ticket was made is no longer in the keytab of this server: kdestroy and kinit get a new one.`;
  t.true(stderr.includes(gone), stderr);
  t.regex(stderr, /\[ticket-invalid\]/);
  t.is((await alice.ended).status, 119);
  const ended = await farm.event(({ event }) => event === 'access.ended', before);
  t.like(ended, { principal: 'krb5:alice@WARDCC.TEST', reason: 'ticket-invalid', message: gone });
  t.like(await farm.event(({ event, principal }) => event === 'job.end' && principal === 'krb5:alice@WARDCC.TEST', before), { reason: 'ticket-invalid' });
  const { status, stderr: bobSaw } = await bob.ended;
  t.is(status, 0, bobSaw);

  await farm.forget('alice');
  t.is((await (await farm.compile('alice', 'refused', 0)).ended).status, 119, 'the same ticket opens nothing any more');
  await farm.forget('alice');
  await kinit('alice');
  t.is((await (await farm.compile('alice', 'again', 0)).ended).status, 0);
});
