/**
 * Subversion's path-based access file (`authz`, versions 1.10 to 1.14): groups, aliases, inversion, `$authenticated`, paths,
 * repositories and wildcards. Parsed here, and asked what Subversion itself would answer.
 *
 * What always holds: what Subversion refuses is refused; an access entry grants, none takes away; in one section all entries
 * that fit a user add up; of the rules that fit a path the one for the longest part of it counts, and among those the last.
 *
 * @module
 */
import { readSections, reject, trim, type ConfigOption, type ConfigSection } from './config-lines.ts';
import { matchPath, readRulePath, type Segment } from './rule-path.ts';

export type Access = 'no' | 'r' | 'rw';

type Bits = 0 | 1 | 2 | 3;

interface Entry {
  /** Users by name: members of a group, one user, or everybody. */
  readonly matches: (user: string) => boolean;
  readonly bits: Bits;
}

interface Rule {
  /** Undefined: every repository. */
  readonly repository: string | undefined;
  readonly segments: readonly Segment[];
  /** Equal for equal paths. */
  readonly key: string;
  readonly anonymous: Bits | undefined;
  readonly entries: readonly Entry[];
}

export interface Authz {
  readonly rules: readonly Rule[];
  /** Every user that is named somewhere. */
  readonly users: ReadonlySet<string>;
}

interface Names {
  readonly groups: ReadonlyMap<string, ReadonlySet<string>>;
  readonly aliases: ReadonlyMap<string, string>;
}

/** Members of all groups together, those of groups in groups counted in each. */
const maxMembers = 1_000_000;
const maxNesting = 100;

const checkName = ({ name, at }: ConfigOption, what: string, known: ReadonlyMap<string, unknown>): void => {
  if (/^[@$&*~]/.test(name)) reject(at, `the name of ${what} may not begin with ${name[0] ?? ''}`);
  if (known.has(name)) reject(at, `${what} "${name}" is defined twice`);
};

const readAliases = (section: ConfigSection | undefined): Map<string, string> => {
  const aliases = new Map<string, string>();
  for (const option of section?.options ?? []) {
    checkName(option, 'an alias', aliases);
    aliases.set(option.name, option.value);
  }
  return aliases;
};

const readGroups = (section: ConfigSection | undefined, aliases: ReadonlyMap<string, string>): Map<string, Set<string>> => {
  const written = new Map<string, { members: string[]; at: string }>();
  for (const option of section?.options ?? []) {
    checkName(option, 'a group', written);
    const members = option.value.split(',').map(trim).filter((member) => member !== '');
    written.set(option.name, { members: [...new Set(members)], at: option.at });
  }
  const done = new Map<string, Set<string>>();
  let total = 0;
  const expand = (name: string, at: string, around: readonly string[]): Set<string> => {
    const known = done.get(name);
    if (known !== undefined) return known;
    const group = written.get(name);
    if (group === undefined) return reject(at, `group "@${name}" is not defined`);
    if (around.length > maxNesting) return reject(at, `groups are nested deeper than ${maxNesting} levels`);
    if (around.includes(name)) return reject(at, `group "@${name}" is a member of itself`);
    const users = new Set<string>();
    for (const member of group.members) {
      if (member.startsWith('@')) {
        for (const user of expand(member.slice(1), group.at, [...around, name])) users.add(user);
      } else if (member.startsWith('&')) {
        users.add(aliases.get(member.slice(1)) ?? reject(group.at, `alias "${member}" is not defined`));
      } else {
        users.add(member);
      }
    }
    total += users.size;
    if (total > maxMembers) return reject(at, `the groups have more than ${maxMembers} members together`);
    done.set(name, users);
    return users;
  };
  for (const [name, { at }] of written) expand(name, at, []);
  return done;
};

const readBits = ({ name, value, at }: ConfigOption): Bits => {
  const wrong = /[^rw \t\v\f\r]/.exec(value);
  if (wrong !== null) return reject(at, `"${wrong[0]}" in the entry for "${name}" is not an access right: r and w are`);
  if (value.includes('w') && !value.includes('r')) return reject(at, `the entry for "${name}" grants writing without reading`);
  return value.includes('w') ? 3 : value.includes('r') ? 1 : 0;
};

interface Parsed {
  readonly entry?: Entry;
  readonly anonymous?: Bits;
}

const readEntry = (option: ConfigOption, { groups, aliases }: Names, users: Set<string>): Parsed => {
  const isInverted = option.name.startsWith('~');
  const name = isInverted ? option.name.slice(1) : option.name;
  const bits = readBits(option);
  const everybody: Entry = { matches: () => true, bits };
  const { at } = option;
  if (name === '' || name.startsWith('~')) return reject(at, `"${option.name}" is no name`);
  if (name.startsWith('*')) {
    if (name !== '*' || isInverted) return reject(at, `"${option.name}" is no name; "*" alone is everybody`);
    return { entry: everybody, anonymous: bits };
  }
  if (name.startsWith('$')) {
    if (name !== '$anonymous' && name !== '$authenticated') return reject(at, `"${option.name}" is neither $anonymous nor $authenticated`);
    return (name === '$anonymous') === isInverted ? { entry: everybody } : { anonymous: bits };
  }
  if (name.startsWith('@')) {
    const members = groups.get(name.slice(1)) ?? reject(at, `group "${name}" is not defined`);
    // Subversion leaves out entries for empty groups, so that `~@empty` is nobody and not everybody.
    return members.size === 0 ? {} : { entry: { matches: (user) => members.has(user) !== isInverted, bits } };
  }
  const user = name.startsWith('&') ? aliases.get(name.slice(1)) ?? reject(at, `alias "${name}" is not defined`) : name;
  users.add(user);
  return { entry: { matches: (candidate) => (candidate === user) !== isInverted, bits } };
};

const readRule = (section: ConfigSection, names: Names, users: Set<string>): Rule => {
  const { at } = section;
  const isGlob = section.name.startsWith(':');
  if (isGlob && !section.name.startsWith(':glob:')) return reject(at, 'a section that begins with a colon begins with :glob:');
  const place = isGlob ? section.name.slice(':glob:'.length) : section.name;
  const slash = place.indexOf('/');
  const repository = slash > 0 ? place.slice(0, slash - 1) : undefined;
  if (slash === -1 || (slash > 0 && place[slash - 1] !== ':') || repository === '') {
    return reject(at, `[${section.name}] is neither groups nor aliases nor a path, with or without a repository`);
  }
  const segments = readRulePath(place.slice(slash), isGlob, at);
  const parsed = section.options.map((option) => readEntry(option, names, users));
  const anonymous = parsed.map((entry) => entry.anonymous).filter((bits) => bits !== undefined);
  return {
    repository, segments,
    key: JSON.stringify(segments),
    anonymous: anonymous.length === 0 ? undefined : anonymous.reduce<number>((sum, bits) => sum | bits, 0) as Bits,
    entries: parsed.flatMap(({ entry }) => entry ?? []),
  };
};

/**
 * Parses an access file.
 *
 * @param groupsText a global groups file; the access file may have no groups then
 * @throws WardError `config-invalid` with `file:line:column`
 */
export const parseAuthz = (text: string, file: string, groupsText?: string, groupsFile = file): Authz => {
  const sections = readSections(text, file);
  const seen = new Map<string, string>();
  for (const { name, at } of sections) {
    if (seen.has(name)) reject(at, `[${name}] appears twice; first at ${seen.get(name) ?? ''}`);
    seen.set(name, at);
  }
  const named = (name: string): ConfigSection | undefined => sections.find((section) => section.name === name);
  let groupSection = named('groups');
  if (groupsText !== undefined) {
    if (groupSection !== undefined) reject(groupSection.at, 'there may be no [groups] here while a global groups file is used');
    const [first, second] = readSections(groupsText, groupsFile);
    const odd = first?.name === 'groups' ? second : first;
    if (odd !== undefined) reject(odd.at, 'a global groups file has one section, [groups]');
    groupSection = first;
  }
  const aliases = readAliases(named('aliases'));
  const groups = readGroups(groupSection, aliases);
  const users = new Set<string>([...groups.values()].flatMap((members) => [...members]));
  const places = new Map<string, string>();
  const rules = sections.filter(({ name }) => name !== 'groups' && name !== 'aliases').map((section) => {
    const rule = readRule(section, { groups, aliases }, users);
    const place = `${rule.repository ?? ''}\0${rule.key}`;
    if (places.has(place)) reject(section.at, `this is the same path as at ${places.get(place) ?? ''}`);
    places.set(place, section.at);
    return rule;
  });
  return { rules, users };
};

/** What a rule says about a user: undefined is nothing at all. */
const bitsFor = (rule: Rule, user: string | undefined): Bits | undefined => {
  if (user === undefined) return rule.anonymous;
  const found = rule.entries.filter((entry) => entry.matches(user));
  return found.length === 0 ? undefined : found.reduce<number>((sum, { bits }) => sum | bits, 0) as Bits;
};

export interface AccessQuestion {
  /** Undefined: nobody has logged in. */
  readonly user: string | undefined;
  readonly repository?: string;
  /** Begins with `/`. */
  readonly path: string;
}

/** What `svnauthz accessof` answers. */
export const accessOf = ({ rules }: Authz, { user, repository, path }: AccessQuestion): Access => {
  const spoken = rules.map((rule) => ({ rule, bits: bitsFor(rule, user) }))
    .filter(({ rule, bits }) => bits !== undefined && (rule.repository === undefined || rule.repository === repository));
  // For one path a rule of the repository itself takes the place of the general one.
  const own = new Set(spoken.filter(({ rule }) => rule.repository !== undefined).map(({ rule }) => rule.key));
  const applicable = spoken.filter(({ rule }) => rule.repository !== undefined || !own.has(rule.key));
  const names = path.split('/').filter((part) => part !== '');
  // Subversion looks up the root as one empty name, which a rule for `/*` matches too.
  const parts = names.length === 0 ? [''] : names;
  for (let depth = parts.length; depth >= 0; depth -= 1) {
    const last = applicable.findLast(({ rule }) => matchPath(rule.segments, parts.slice(0, depth)));
    if (last !== undefined) return last.bits === 3 ? 'rw' : last.bits === 1 ? 'r' : 'no';
  }
  return 'no';
};
