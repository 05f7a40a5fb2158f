/**
 * A session over SSH and its successors: with a better certificate, and before the end of one that nobody replaced.
 *
 * @module
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { parseSshKey, sshFingerprint } from '../../../certs/openssh/key.ts';
import { loadClientConfig } from '../../../client/config.ts';
import { Sessions } from '../../../client/farm/sessions.ts';
import type { Session } from '../../../client/farm/session.ts';
import { parseTemplate, type Template } from '../../../policy/template.ts';
import { makeKeyRing, readLine } from '../../certs/openssh/keys.ts';
import { openDoor, type SshDoor } from '../../fixtures/ssh-door.ts';

interface Renewable {
  readonly door: SshDoor;
  readonly session: Session;
  /** Signs the key anew, for so long. */
  certify(validity: string): void;
}

const openForAlice = async (t: ExecutionContext<unknown>, validity: string): Promise<Renewable> => {
  const ring = makeKeyRing(t);
  const [authority, key, principals] = [ring.makeKey('authority'), ring.makeKey('key'), join(ring.directory, 'principals')];
  writeFileSync(principals, 'alice\n');
  const door = await openDoor(t, { lines: [`TrustedUserCAKeys "${authority}.pub"`, `AuthorizedPrincipalsFile "${principals}"`] });
  const ca = sshFingerprint(parseSshKey(readLine(`${authority}.pub`)).blob);
  const names = [parseTemplate('{user}') as Template];
  door.facts.trust = { methods: undefined, authorities: [{ id: 'people', position: '', ca, name: 'key-id', names }] };
  const certify = (until: string): void => void ring.certify(authority, key, { validity: until });
  certify(validity);
  const config = await loadClientConfig({}, { system: '/nonexistent/client.jsonc', home: ring.directory });
  const sessions = new Sessions();
  t.teardown(() => sessions.close());
  return { door, certify, session: sessions.get(door.host, { ...config, mechanisms: ['ssh'], ssh: { ...door.ssh, identity: key } }) };
};

const untilSeen = async (door: SshDoor, count: number, withinMs: number): Promise<void> => {
  const deadline = Date.now() + withinMs;
  while (door.seen.length < count && Date.now() < deadline) await pause(50);
};

test.serial('a new certificate in the place of the old one gets a session of its own, and the old one ends', async (t) => {
  const { door, certify, session } = await openForAlice(t, '-1m:+1h');
  const first = await session.ready();
  certify('-1m:+9h');
  await untilSeen(door, 2, 30_000);
  await first.channel.closed;
  const second = await session.ready();
  t.is(door.seen.length, 2);
  t.true(second.welcome.expires > first.welcome.expires + 7 * 3600_000);
});

test.serial('before a session ends its successor is opened', async (t) => {
  const { door, session } = await openForAlice(t, '-1m:+24s');
  const { welcome } = await session.ready();
  await untilSeen(door, 2, 24_000);
  t.is(door.seen.length, 2);
  t.true(Date.now() < welcome.expires);
});
