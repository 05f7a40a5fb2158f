/**
 * What Kerberos adds to a throwaway farm: a realm of its own with a running KDC, a ticket for each person, and keys for the servers.
 * The database of the realm is the farm's owner's alone; what programs must read of it is a copy under `trust/`.
 *
 * @module
 */
import { chown, copyFile, rm } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { krb5Service as service, type MechanismFiles, type ServerPlan } from './files.ts';
import type { FarmLayout } from './layout.ts';
import type { Person } from './people.ts';
import { freePort } from './ports.ts';
import { recordProcess, type ProcessRecord } from './processes.ts';
import { addPrincipal, createRealm, getTicket, startKdc, writeKeytab, type Realm } from './realm.ts';
import type { Account } from './stage.ts';

const configurationOf = (layout: FarmLayout): string => join(layout.trust, 'krb5.conf');
const cacheOf = (layout: FarmLayout, person: string): string => join(layout.people, person, 'ccache');

/** Nobody logs in to a throwaway realm by hand, but it has to be some password. */
const passwordOf = (person: Person): string => `the password of ${person.id}`;

/** Who somebody is to Kerberos. The stranger is no other realm's alice but another instance of this one's, who is not alice either. */
const principalOf = (person: Person): string => (person.certificate === 'of a stranger' ? `${person.name}/admin` : person.name);

export interface FarmRealm {
  readonly realm: Realm;
  readonly files: MechanismFiles;
  /** For env.sh. */
  readonly environment: Readonly<Record<string, string>>;
}

/** Makes the realm and everybody in it. No KDC runs yet. A realm that was there is made anew. */
export const prepareRealm = async (layout: FarmLayout, people: readonly Person[]): Promise<FarmRealm> => {
  const directory = join(layout.directory, 'realm');
  if (existsSync(directory)) await rm(directory, { recursive: true });
  const realm = await createRealm(directory, { port: await freePort() });
  for (const person of people) await addPrincipal(realm, principalOf(person), passwordOf(person));
  await addPrincipal(realm, service);
  await copyFile(join(directory, 'krb5.conf'), configurationOf(layout));
  return {
    realm,
    files: {
      mechanism: 'krb5',
      policy: [
        '// Who has a ticket as NAME of this realm is the committer NAME; NAME/admin and other realms are nobody.',
        `"identities": [{ "id": "same-name", "mechanism": "krb5", "realms": { ${JSON.stringify(realm.name)}: "{user}" } }],`,
      ],
    },
    environment: { KRB5_CONFIG: configurationOf(layout), KRB5CCNAME: `FILE:${cacheOf(layout, people[0]!.id)}` },
  };
};

/** Starts the KDC, detached, and gets everybody a ticket; that of a person whose certificate would be revoked has ended already. */
export const openRealm = async (layout: FarmLayout, { realm }: FarmRealm, people: readonly Person[]): Promise<ProcessRecord> => {
  const kdc = recordProcess('KDC', await startKdc(realm));
  for (const person of people) {
    const lifetime = person.certificate === 'revoked' ? '1s' : undefined;
    await getTicket(realm, principalOf(person), passwordOf(person), cacheOf(layout, person.id), lifetime);
  }
  return kdc;
};

/** Writes a server its keys. */
export const writeServiceKeys = async (
  layout: FarmLayout, { realm }: FarmRealm, plan: ServerPlan, owner: Account | undefined,
): Promise<void> => {
  const keytab = join(layout.server(plan.number), 'service.keytab');
  await rm(keytab, { force: true });
  await writeKeytab(realm, service, keytab);
  if (owner !== undefined) await chown(keytab, owner.uid, owner.gid);
};

/** Lines of server.jsonc. */
export const serviceLines: readonly string[] = [`"krb5": { "keytab": "service.keytab", "service": "${service}", "config": "../../trust/krb5.conf" }`];
