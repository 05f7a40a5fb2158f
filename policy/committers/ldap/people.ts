/**
 * Who is in a group of a directory, in three ways of writing groups:
 *
 *   memberUid         the group lists names themselves (posixGroup, RFC 2307)
 *   member, …         the group lists the entries of people; each is read for the person's name
 *   memberOf          people's entries list their groups (Active Directory, OpenLDAP's overlay); one search finds them all
 *
 * What always holds: an answer is whole or it is an error. A person left out could be the one whom a rule denies something.
 *
 * @module
 */
import type { Client, Entry, Filter } from 'ldapts';
import { isCommitterName } from '../../principal.ts';

export interface GroupOptions {
  /** Distinguished name of the group. */
  readonly group: string;
  readonly members?: 'member' | 'uniqueMember' | 'memberUid' | 'memberOf';
  /** Members that are groups count for the people in them. */
  readonly nested?: boolean;
  /** Attribute of a person's entry that is the committer's name. */
  readonly name?: string;
  /** Where `memberOf` looks for people. */
  readonly people?: string;
  /** RFC 4515; people who do not match do not count, such as accounts that are locked. */
  readonly filter?: string;
  /** Directories compare names without case, policies do not: takes names in lower case, and only so are they known. */
  readonly lowerCase?: boolean;
}

export interface GroupAnswer {
  readonly names: ReadonlySet<string>;
  /** When the group's entry was last modified, as `YYYYMMDDHHMMSS`. */
  readonly modified: number | undefined;
}

const maxPeople = 100_000;
const maxGroups = 1_000;
const pageSize = 100;
const atOnce = 32;
/** Active Directory follows groups in groups itself (LDAP_MATCHING_RULE_IN_CHAIN). */
const inChain = '1.2.840.113556.1.4.1941';
const groupClasses: ReadonlySet<string> = new Set([
  'group', 'groupofnames', 'groupofuniquenames', 'groupofmembers', 'posixgroup', 'groupofentries',
]);

/** Attributes in which a group lists its members. */
const listing = ['member', 'uniqueMember', 'memberUid'] as const;

const values = (entry: Entry, attribute: string): string[] => {
  const all = Object.entries(entry).map(([key, value]) => [key.toLowerCase(), value] as const);
  const found = all.filter(([key]) => key.split(';')[0] === attribute.toLowerCase());
  if (found.some(([key]) => key.includes(';range='))) {
    throw new Error(`${entry.dn} has so many members that they come in pieces: write "members": "memberOf"`);
  }
  return found.flatMap(([, value]) => value).map((value) => {
    if (typeof value !== 'string') throw new Error(`${entry.dn} has a value of ${attribute} that is no text`);
    return value;
  });
};

/** What a group lists. One that lists everybody in another attribute than the policy says is not empty, but misread. */
const membersOf = (group: Entry, attribute: string): string[] => {
  const found = values(group, attribute);
  const other = found.length > 0 ? undefined : listing.find((one) => values(group, one).length > 0);
  if (other !== undefined) throw new Error(`${group.dn} lists its members as ${other}, and the policy says ${attribute}`);
  return found;
};

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Escapes are bytes of UTF-8 (RFC 4515 section 3); ldapts takes each for a character of its own. */
const withCharacters = (filter: string): string => filter.replaceAll(/(?:\\[89a-f][0-9a-f])+/gi, (escapes) => {
  try {
    return utf8.decode(Buffer.from(escapes.replaceAll('\\', ''), 'hex'));
  } catch (cause) {
    throw new Error(`the filter has ${escapes}, which is no UTF-8`, { cause });
  }
});

class Reading {
  readonly names = new Set<string>();
  readonly #client: Client;
  readonly #options: GroupOptions;
  readonly #filter: Filter | undefined;
  /** As they were written: whether capitals count in a name, the directory alone knows. Who is read twice is there once. */
  readonly #seen = new Set<string>();

  constructor(client: Client, options: GroupOptions, filter: Filter | undefined) {
    this.#client = client;
    this.#options = options;
    this.#filter = filter;
  }

  /** The entry with this name; undefined when there is none. */
  async entry(dn: string, attributes: string[], filter: Filter | string = '(objectClass=*)'): Promise<Entry | undefined> {
    try {
      const search = { scope: 'base', filter, attributes, derefAliases: 'never' } as const;
      const { searchEntries, searchReferences } = await this.#client.search(dn, search);
      if (searchReferences.length > 0) throw new Error(`${dn} lies on another server`);
      return searchEntries[0];
    } catch (error) {
      if ((error as { code?: unknown }).code === noSuchObject) return undefined;
      throw error;
    }
  }

  /** Names that the group lists itself. */
  listed(group: Entry): void {
    for (const name of membersOf(group, 'memberUid')) this.#add(name, group.dn);
  }

  /** People whose entries the group lists; groups among them as well, if groups in groups count. */
  async entries(group: Entry): Promise<void> {
    const attribute = this.#options.members ?? 'member';
    this.#seen.add(group.dn);
    const waiting = membersOf(group, attribute);
    let groups = 0;
    while (waiting.length > 0) {
      const batch = waiting.splice(0, atOnce).filter((dn) => !this.#seen.has(dn));
      for (const dn of batch) this.#seen.add(dn);
      if (this.#seen.size > maxPeople) throw new Error(`the group has more than ${maxPeople} members`);
      for (const further of await Promise.all(batch.map((dn) => this.#member(dn, attribute)))) {
        if (further === undefined) continue;
        groups += 1;
        if (groups > maxGroups) throw new Error(`there are more than ${maxGroups} groups in the group`);
        waiting.push(...further);
      }
    }
  }

  /** People whose entries say that they are in the group. */
  async found(): Promise<void> {
    const { AndFilter, EqualityFilter, ExtensibleFilter } = await import('ldapts');
    const { group, people = '', nested = false } = this.#options;
    const among = nested
      ? new ExtensibleFilter({ matchType: 'memberOf', rule: inChain, value: group })
      : new EqualityFilter({ attribute: 'memberOf', value: group });
    const further = this.#filter === undefined ? [] : [this.#filter];
    const filters = [new EqualityFilter({ attribute: 'objectClass', value: 'person' }), among, ...further];
    const { searchEntries, searchReferences } = await this.#client.search(people, {
      scope: 'sub', filter: new AndFilter({ filters }), attributes: [this.#name], derefAliases: 'never', paged: { pageSize },
    });
    if (searchReferences.length > 0) throw new Error(`parts of ${people} lie on other servers: name a place that this server holds`);
    if (searchEntries.length > maxPeople) throw new Error(`the group has more than ${maxPeople} members`);
    for (const entry of searchEntries) this.#person(entry);
  }

  get #name(): string {
    return this.#options.name ?? 'uid';
  }

  /** A member's entry: a person, or a group whose members are returned. One that is gone or filtered out is nobody. */
  async #member(dn: string, attribute: string): Promise<readonly string[] | undefined> {
    const entry = await this.entry(dn, ['objectClass', this.#name, ...listing]);
    if (entry === undefined) return undefined;
    if (values(entry, 'objectClass').some((name) => groupClasses.has(name.toLowerCase()))) {
      return this.#options.nested === true ? membersOf(entry, attribute) : undefined;
    }
    const counts = this.#filter === undefined || await this.entry(dn, ['1.1'], this.#filter) !== undefined;
    if (counts) this.#person(entry);
    return undefined;
  }

  #person(entry: Entry): void {
    const [name, another] = values(entry, this.#name);
    if (name === undefined || another !== undefined) {
      throw new Error(`${entry.dn} has ${name === undefined ? 'no' : 'more than one'} ${this.#name}`);
    }
    this.#add(name, entry.dn);
  }

  #add(name: string, dn: string): void {
    if (!isCommitterName(name)) throw new Error(`${dn} has a name that is no name of a committer`);
    this.names.add(this.#options.lowerCase === true ? name.toLowerCase() : name);
    if (this.names.size > maxPeople) throw new Error(`the group has more than ${maxPeople} members`);
  }
}

const noSuchObject = 32;

/** Reads a group. Rejects when the directory does not give the whole of it. */
export const readGroup = async (client: Client, options: GroupOptions): Promise<GroupAnswer> => {
  const { FilterParser } = await import('ldapts');
  const reading = new Reading(client, options, options.filter === undefined ? undefined : FilterParser.parseString(withCharacters(options.filter)));
  const { group, members = 'member' } = options;
  const entry = await reading.entry(group, ['modifyTimestamp', ...(members === 'memberOf' ? [] : listing)]);
  if (entry === undefined) throw new Error(`there is no group ${group}, or this account may not see it`);
  if (members === 'memberUid') reading.listed(entry);
  else if (members === 'memberOf') await reading.found();
  else await reading.entries(entry);
  const [, modified] = /^([0-9]{14})(?:\.[0-9]+)?Z$/.exec(values(entry, 'modifyTimestamp')[0] ?? '') ?? [];
  return { names: reading.names, modified: modified === undefined ? undefined : Number(modified) };
};
