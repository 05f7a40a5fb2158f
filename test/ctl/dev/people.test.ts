import { X509Certificate } from 'node:crypto';
import { mkdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { farmLayout } from '../../../ctl/dev/layout.ts';
import { certifyPeople, listCommitters, peopleOf } from '../../../ctl/dev/people.ts';
import { temporaryDirectory } from '../../fixtures/temporary.ts';

test('the caller and two colleagues may commit; mallory may not, carol is revoked, the stranger has another CA', async (t) => {
  const layout = farmLayout(join(await temporaryDirectory(t), 'farm'));
  await mkdir(layout.people, { recursive: true });
  const people = peopleOf('dana');
  const authority = await certifyPeople(layout, people);
  await listCommitters(layout, people);
  const names = (await readFile(layout.committers, 'utf8')).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  t.deepEqual(names, ['alice', 'bob', 'carol', 'dana']);
  t.deepEqual(authority.list().filter(({ status }) => status === 'revoked').map(({ name }) => name), ['carol']);
  const ca = new X509Certificate(await readFile(join(layout.trust, 'ca.pem')));
  const issuedHere = async (id: string) => new X509Certificate(await readFile(join(layout.people, id, 'cert.pem'))).checkIssued(ca);
  for (const id of ['dana', 'alice', 'bob', 'mallory', 'carol']) t.true(await issuedHere(id), id);
  t.false(await issuedHere('stranger'));
  t.is((await stat(join(layout.people, 'dana', 'key.pem'))).mode & 0o777, 0o600);
});

test('a farm that comes up again keeps its people and whoever was taken out of the list', async (t) => {
  const layout = farmLayout(join(await temporaryDirectory(t), 'farm'));
  await mkdir(layout.people, { recursive: true });
  const people = peopleOf('alice');
  t.is(people.filter(({ id }) => id === 'alice').length, 1);
  await certifyPeople(layout, people);
  await listCommitters(layout, people);
  const before = await readFile(join(layout.people, 'bob', 'cert.pem'), 'utf8');
  const authority = await certifyPeople(layout, people);
  await listCommitters(layout, people);
  t.is(await readFile(join(layout.people, 'bob', 'cert.pem'), 'utf8'), before);
  t.is(authority.list().length, 4);
});
