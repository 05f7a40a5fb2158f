/**
 * The people of a throwaway farm: a CA, who has a certificate of it, and a git repository whose authors may commit.
 *
 * What always holds: a committer is whoever wrote a commit. That is no authority anywhere but here, since anybody can write
 * any name into a commit.
 *
 * @module
 */
import { existsSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { initAuthority, openAuthority, type Authority, type IssuedWithKey } from '../../certs/authority.ts';
import { run } from './command.ts';
import type { FarmLayout } from './layout.ts';

export interface Person {
  /** Directory under `people/`. */
  readonly id: string;
  /** What the certificate says. */
  readonly name: string;
  readonly committer: boolean;
  readonly certificate: 'valid' | 'revoked' | 'of a stranger';
}

/** The caller, who may compile, two colleagues, and one of each kind that must be refused. */
export const peopleOf = (caller: string): Person[] => {
  const others: Person[] = [
    { id: 'alice', name: 'alice', committer: true, certificate: 'valid' },
    { id: 'bob', name: 'bob', committer: true, certificate: 'valid' },
    { id: 'mallory', name: 'mallory', committer: false, certificate: 'valid' },
    { id: 'carol', name: 'carol', committer: true, certificate: 'revoked' },
    { id: 'stranger', name: 'alice', committer: true, certificate: 'of a stranger' },
  ];
  return [{ id: caller, name: caller, committer: true, certificate: 'valid' }, ...others.filter(({ id }) => id !== caller)];
};

const writeCredential = async (directory: string, issued: IssuedWithKey): Promise<void> => {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await writeFile(join(directory, 'cert.pem'), issued.certPem, { mode: 0o644 });
  await writeFile(join(directory, 'key.pem'), issued.keyPem, { mode: 0o600 });
};

/** Makes the CA and a certificate for each person; one that exists is left as it is. */
export const certifyPeople = async (layout: FarmLayout, people: readonly Person[]): Promise<Authority> => {
  const fresh = !existsSync(layout.ca);
  const authority = fresh ? await initAuthority(layout.ca, { name: `throwaway farm ${layout.id}`, dev: true }) : await openAuthority(layout.ca);
  for (const person of people) {
    const directory = join(layout.people, person.id);
    if (existsSync(join(directory, 'key.pem'))) continue;
    const issued = person.certificate === 'of a stranger' ? await issueByStranger(person.name) : await authority.issueUser(person.name);
    await writeCredential(directory, issued);
    if (person.certificate === 'revoked') await authority.revoke(issued.serial, 'keyCompromise');
  }
  await authority.writeCrl();
  await publishTrust(layout);
  return authority;
};

/** Same name, other CA. */
const issueByStranger = async (name: string): Promise<IssuedWithKey> => {
  const place = await mkdtemp(join(tmpdir(), 'wardcc-stranger-'));
  try {
    return await (await initAuthority(join(place, 'ca'), { name: 'another CA', dev: true })).issueUser(name);
  } finally {
    await rm(place, { recursive: true, force: true });
  }
};

/** Servers and clients read copies: the CA itself belongs on neither. */
const publishTrust = async (layout: FarmLayout): Promise<void> => {
  await mkdir(layout.trust, { recursive: true, mode: 0o755 });
  for (const name of ['ca.pem', 'crl.pem']) {
    const copy = join(layout.trust, name);
    await copyFile(join(layout.ca, name), copy);
  }
};

/** A repository in which every committer has written one commit, and the list of its authors as of now. */
export const listCommitters = async (layout: FarmLayout, people: readonly Person[]): Promise<void> => {
  const path = process.env['PATH'] ?? '/usr/bin:/bin';
  const env = { PATH: path, HOME: layout.directory, GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null' };
  const settings = ['-c', 'user.name=wardcc', '-c', 'user.email=wardcc@localhost'];
  const git = (...args: string[]): Promise<string> => run('git', ['-C', layout.repository, ...settings, ...args], { env });
  if (!existsSync(layout.repository)) {
    await mkdir(layout.repository);
    await git('init', '--quiet', '--initial-branch=main', '--template=');
    // A farm has one directory with `log` in its name: the decision log's.
    await git('config', 'core.logAllRefUpdates', 'false');
    for (const name of new Set(people.filter(({ committer }) => committer).map((person) => person.name))) {
      await git('commit', '--quiet', '--allow-empty', `--author=${name} <${name}@localhost>`, `--message=The first commit of ${name}`);
    }
  }
  const authors = [...new Set((await git('log', '--format=%an')).split('\n').filter(Boolean))].sort();
  const text = `# The authors of ${layout.repository} when the farm was made. One name a line; changes count within two seconds.\n${authors.join('\n')}\n`;
  if (!existsSync(layout.committers)) await writeFile(layout.committers, text, { mode: 0o644 });
};
