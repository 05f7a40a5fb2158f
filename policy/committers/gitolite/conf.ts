/**
 * gitolite.conf (version 3): groups, repositories, rules with branches, deny rules. Parsed here, and asked what gitolite
 * itself would answer about pushing.
 *
 * What always holds: rules count in the order they are written, the first that fits decides, no rule is no; what gitolite
 * keeps outside of this file (roles of wild repositories, groups of an external program) grants nothing, and a deny rule that
 * needs it makes the file unusable here.
 *
 * @module
 */
import { compilePattern, Patterns, type Pattern } from './pattern.ts';
import { reject, type ConfLine } from './lines.ts';

interface Rule {
  readonly at: string;
  /** `-`, or letters such as `RW+CD`. */
  readonly permission: string;
  readonly repositories: readonly string[];
  readonly refs: readonly Ref[];
  readonly users: readonly string[];
}

interface Ref {
  /** A regular expression that a ref must begin with; `USER` between slashes is the user's name. */
  readonly source: string;
  /** The same, ready to be used; undefined where the user's name is in it. */
  readonly pattern: Pattern | undefined;
}

interface Option {
  readonly at: string;
  readonly repositories: readonly string[];
  readonly denyRules: boolean;
}

export interface GitoliteConf {
  /** Members by group, `@` included in the names of groups. */
  readonly groups: ReadonlyMap<string, ReadonlySet<string>>;
  readonly rules: readonly Rule[];
  readonly options: readonly Option[];
  readonly patterns: Patterns;
}

/** Members that the names of groups stand for, of all places where they stand together. */
const maxExpanded = 1_000_000;

const permission = /^(-|C|R|RW\+?(?:C?D?|D?C?)M?) (.* )?= (.+)/s;
const repositoryName = /^@?[0-9a-zA-Z][-0-9a-zA-Z._@/+]*$/;
const pattern = /^@?[[0-9a-zA-Z][-0-9a-zA-Z._@/+\\^$|()[\]*?{},]*$/;
const userName = /^@?[0-9a-zA-Z][-0-9a-zA-Z._@+]*$/;
const roles: readonly string[] = ['CREATOR', 'READERS', 'WRITERS'];
const harmless = /^(?:(?:option|config) .+ =.*|(?:desc|owner|category) = \S.*)$/s;
const denyRules = /^(?:option deny-rules = (\S.*)|config gitolite-options\.deny-rules = ?(.*))$/s;

const words = (text: string): string[] => text.split(' ').filter((word) => word !== '');

const checked = (at: string, names: readonly string[], grammar: RegExp, what: string): readonly string[] => {
  const wrong = names.find((name) => !grammar.test(name));
  return wrong === undefined ? names : reject(at, `"${wrong}" is no ${what}`);
};

const compileAt = (patterns: Patterns, at: string, source: string): Pattern => {
  try {
    return patterns.compile(source);
  } catch (error) {
    return reject(at, `the regular expression ${source} cannot be used: ${(error as Error).message}`);
  }
};

/**
 * Parses the lines of gitolite.conf.
 *
 * @throws WardError `config-invalid` with `file:line:column`; also for lines that gitolite would only warn about
 */
export const parseConf = (lines: readonly ConfLine[]): GitoliteConf => {
  const groups = new Map<string, Set<string>>();
  const rules: Rule[] = [];
  const options: Option[] = [];
  let repositories: readonly string[] = [];
  const patterns = new Patterns();
  let expanded = 0;
  const expand = (written: readonly string[], at: string): string[] => [...new Set(written)].flatMap((name) => {
    if (!name.startsWith('@') || name === '@all') return [name];
    const members = groups.get(name) ?? reject(at, `group "${name}" is not defined above`);
    expanded += members.size;
    if (expanded > maxExpanded) reject(at, `groups stand for more than ${maxExpanded} names in this file`);
    return [...members];
  });
  for (const { text, at } of lines) {
    const [, groupName, members = ''] = /^(@\S+) = (.*)/s.exec(text) ?? [];
    const [, repositoryNames] = /^repo (.*)/s.exec(text) ?? [];
    const [, letters, refs = '', users = ''] = permission.exec(text) ?? [];
    if (groupName !== undefined) {
      checked(at, [groupName], repositoryName, 'name of a group');
      const group = groups.get(groupName) ?? new Set<string>();
      for (const member of expand(checked(at, words(members), pattern, 'member of a group'), at)) group.add(member);
      groups.set(groupName, group);
    } else if (repositoryNames !== undefined) {
      repositories = checked(at, words(repositoryNames).map((name) => name.replace(/\.git$/, '')), pattern, 'repository');
      for (const name of repositories) if (!repositoryName.test(name)) compileAt(patterns, at, `^${name}$`);
    } else if (letters !== undefined) {
      const isVirtual = /^(?:-|R\S+) \S.* = \S/s.test(text);
      const written = words(isVirtual ? ` ${refs}`.replaceAll(' NAME/', ' VREF/NAME/') : refs);
      const full = expand(written, at).map((ref) => /^(?:refs|VREF)\//.test(ref) ? ref : `refs/heads/${ref}`);
      const refList = checked(at, full.length === 0 ? ['refs/.*'] : full, pattern, 'branch or ref').map((source) => {
        const compiled = compileAt(patterns, at, `^${source}`);
        return { source, pattern: source.includes('/USER/') ? undefined : compiled };
      });
      const userList = checked(at, words(users), userName, 'user').map((user) => roles.includes(user) ? `@${user}` : user);
      rules.push({ at, permission: letters, repositories, refs: refList, users: userList });
    } else if (harmless.test(text)) {
      const [, short, long] = denyRules.exec(text) ?? [];
      const value = short ?? long;
      if (value !== undefined) options.push({ at, repositories, denyRules: !['', '0'].includes(value.replace(/^['"](.*)["']$/, '$1')) });
    } else {
      reject(at, 'this is no line of gitolite.conf');
    }
  }
  return { groups, rules, options, patterns };
};

/** What is said about one repository, ready to be asked about users. */
export interface RepositoryRules {
  readonly rules: readonly Rule[];
  readonly denyRules: boolean;
  readonly groups: GitoliteConf['groups'];
}

/**
 * The rules that concern one repository.
 *
 * @throws WardError `config-invalid`: a deny rule for a role, or for a group that the file does not define
 */
export const rulesFor = ({ groups, rules, options, patterns }: GitoliteConf, repository: string): RepositoryRules => {
  const names = (key: string, at: string): boolean =>
    key === repository || key === '@all' || (!repositoryName.test(key) && compileAt(patterns, at, `^${key}$`).test(repository));
  const known = new Map<string, boolean>();
  const concerns = (key: string, at: string): boolean => {
    const isMember = (): boolean => [...groups.get(key) ?? []].some((member) => member !== '@all' && names(member, at));
    const answer = known.get(key) ?? (names(key, at) || isMember());
    known.set(key, answer);
    return answer;
  };
  const own = rules.filter(({ at, repositories }) => repositories.some((key) => concerns(key, at)));
  const isUnknown = (user: string): boolean => user.startsWith('@') && user !== '@all' && !groups.has(user);
  for (const { at, permission: letters, users } of own) {
    const unknown = letters === '-' ? users.find(isUnknown) : undefined;
    if (unknown === undefined) continue;
    const isRole = roles.includes(unknown.slice(1));
    const what = isRole ? 'is a role, which gitolite keeps outside of this file' : 'is not defined in this file';
    reject(at, `"${unknown}" ${what}, so it cannot be known whom this rule denies`);
  }
  const decided = options.findLast(({ at, repositories }) => repositories.some((key) => concerns(key, at)));
  return { rules: own, denyRules: decided?.denyRules ?? false, groups };
};

/** Does one of the refs fit? Undefined: the user's name makes the first that might no regular expression any more. */
const matchesRef = ({ refs }: Rule, user: string, ref: string): boolean | undefined => {
  if (ref === 'any') return true;
  for (const { source, pattern } of refs) {
    try {
      if ((pattern ?? compilePattern(`^${source.replace('/USER/', `/${user}/`)}`)).test(ref)) return true;
    } catch {
      return undefined;
    }
  }
  return false;
};

/**
 * May a user push to a ref? `any` is gitolite's first question, before a ref is known: deny rules count then only if the
 * repository has the option `deny-rules`.
 */
export const mayWrite = ({ rules, denyRules: isDenying, groups }: RepositoryRules, user: string, ref: string): boolean => {
  if (!userName.test(user) || user.startsWith('@')) return false;
  for (const rule of rules) {
    if (!rule.users.some((key) => key === user || key === '@all' || (key.startsWith('@') && groups.get(key)?.has(user) === true))) continue;
    const isDeny = rule.permission === '-';
    if (isDeny && ref === 'any' && !isDenying) continue;
    const fits = matchesRef(rule, user, ref);
    // There gitolite fails, and nobody pushes.
    if (fits === undefined) return false;
    if (!fits) continue;
    if (isDeny) return false;
    if (rule.permission.includes('W')) return true;
  }
  return false;
};
