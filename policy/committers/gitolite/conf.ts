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
import { compilePattern, type Pattern } from './pattern.ts';
import { reject, type ConfLine } from './lines.ts';

interface Rule {
  readonly at: string;
  /** `-`, or letters such as `RW+CD`. */
  readonly permission: string;
  readonly repositories: readonly string[];
  /** A regular expression that a ref must begin with; `USER` between slashes is the user's name. */
  readonly ref: string;
  /** The same, ready to be used; undefined where the user's name is in it. */
  readonly pattern: Pattern | undefined;
  readonly user: string;
}

interface Option {
  readonly repositories: readonly string[];
  readonly denyRules: boolean;
}

export interface GitoliteConf {
  /** Members by group, `@` included in the names of groups. */
  readonly groups: ReadonlyMap<string, ReadonlySet<string>>;
  readonly rules: readonly Rule[];
  readonly options: readonly Option[];
}

const permission = /^(-|C|R|RW\+?(?:C?D?|D?C?)M?) (.* )?= (.+)/;
const repositoryName = /^@?[0-9a-zA-Z][-0-9a-zA-Z._@/+]*$/;
const pattern = /^@?[[0-9a-zA-Z][-0-9a-zA-Z._@/+\\^$|()[\]*?{},]*$/;
const userName = /^@?[0-9a-zA-Z][-0-9a-zA-Z._@+]*$/;
const roles: readonly string[] = ['CREATOR', 'READERS', 'WRITERS'];
const harmless = /^(?:(?:option|config) .+ =.*|(?:desc|owner|category) = \S.*)$/;
const denyRules = /^(?:option deny-rules = (\S.*)|config gitolite-options\.deny-rules = ?(.*))$/;

const words = (text: string): string[] => text.split(' ').filter((word) => word !== '');

const checked = (at: string, names: readonly string[], grammar: RegExp, what: string): readonly string[] => {
  const wrong = names.find((name) => !grammar.test(name));
  return wrong === undefined ? names : reject(at, `"${wrong}" is no ${what}`);
};

const compileAt = (at: string, source: string): Pattern => {
  try {
    return compilePattern(source);
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
  const expand = (names: readonly string[], at: string): string[] => names.flatMap((name) =>
    name.startsWith('@') && name !== '@all' ? [...groups.get(name) ?? reject(at, `group "${name}" is not defined above`)] : [name]);
  for (const { text, at } of lines) {
    const [, groupName, members = ''] = /^(@\S+) = (.*)/.exec(text) ?? [];
    const [, repositoryNames] = /^repo (.*)/.exec(text) ?? [];
    const [, letters, refs = '', users = ''] = permission.exec(text) ?? [];
    if (groupName !== undefined) {
      checked(at, [groupName], repositoryName, 'name of a group');
      const group = groups.get(groupName) ?? new Set<string>();
      for (const member of expand(checked(at, words(members), pattern, 'member of a group'), at)) group.add(member);
      groups.set(groupName, group);
    } else if (repositoryNames !== undefined) {
      repositories = checked(at, words(repositoryNames).map((name) => name.replace(/\.git$/, '')), pattern, 'repository');
      for (const name of repositories) if (!repositoryName.test(name)) compileAt(at, `^${name}$`);
    } else if (letters !== undefined) {
      const isVirtual = /^(?:-|R\S+) \S.* = \S.*/.test(text);
      const written = words(isVirtual ? ` ${refs}`.replaceAll(' NAME/', ' VREF/NAME/') : refs);
      const full = expand(written, at).map((ref) => /^(?:refs|VREF)\//.test(ref) ? ref : `refs/heads/${ref}`);
      for (const ref of checked(at, full.length === 0 ? ['refs/.*'] : full, pattern, 'branch or ref')) {
        const compiled = compileAt(at, `^${ref}`);
        const refPattern = ref.includes('/USER/') ? undefined : compiled;
        for (const user of checked(at, words(users), userName, 'user')) {
          rules.push({ at, permission: letters, repositories, ref, pattern: refPattern, user: roles.includes(user) ? `@${user}` : user });
        }
      }
    } else if (harmless.test(text)) {
      const [, short, long] = denyRules.exec(text) ?? [];
      const value = short ?? long;
      if (value !== undefined) options.push({ repositories, denyRules: !['', '0'].includes(value.replace(/^['"](.*)["']$/, '$1')) });
    } else {
      reject(at, 'this is no line of gitolite.conf');
    }
  }
  return { groups, rules, options };
};

/** What is said about one repository, ready to be asked about users. */
export interface RepositoryRules {
  readonly rules: readonly Rule[];
  readonly denyRules: boolean;
  readonly groups: GitoliteConf['groups'];
}

const names = (key: string, repository: string): boolean =>
  key === repository || key === '@all' || (!repositoryName.test(key) && compilePattern(`^${key}$`).test(repository));

/**
 * The rules that concern one repository.
 *
 * @throws WardError `config-invalid`: a deny rule for a role, or for a group that the file does not define
 */
export const rulesFor = ({ groups, rules, options }: GitoliteConf, repository: string): RepositoryRules => {
  const known = new Map<string, boolean>();
  const concerns = (key: string): boolean => {
    const isMember = (): boolean => [...groups.get(key) ?? []].some((member) => member !== '@all' && names(member, repository));
    const answer = known.get(key) ?? (names(key, repository) || isMember());
    known.set(key, answer);
    return answer;
  };
  const own = rules.filter((rule) => rule.repositories.some(concerns));
  const isUnknown = (user: string): boolean => user.startsWith('@') && user !== '@all' && !groups.has(user);
  const unknown = own.find(({ permission: letters, user }) => letters === '-' && isUnknown(user));
  if (unknown !== undefined) {
    const isRole = roles.includes(unknown.user.slice(1));
    const what = isRole ? 'is a role, which gitolite keeps outside of this file' : 'is not defined in this file';
    reject(unknown.at, `"${unknown.user}" ${what}, so it cannot be known whom this rule denies`);
  }
  const decided = options.findLast((option) => option.repositories.some(concerns));
  return { rules: own, denyRules: decided?.denyRules ?? false, groups };
};

const matchesRef = (rule: Rule, user: string, ref: string): boolean | undefined => {
  if (rule.pattern !== undefined) return rule.pattern.test(ref);
  try {
    return compilePattern(`^${rule.ref.replace('/USER/', `/${user}/`)}`).test(ref);
  } catch {
    return undefined;
  }
};

/**
 * May a user push to a ref? `any` is gitolite's first question, before a ref is known: deny rules count then only if the
 * repository has the option `deny-rules`.
 */
export const mayWrite = ({ rules, denyRules: isDenying, groups }: RepositoryRules, user: string, ref: string): boolean => {
  if (!userName.test(user) || user.startsWith('@')) return false;
  for (const rule of rules) {
    const isUser = rule.user === user || rule.user === '@all' || (rule.user.startsWith('@') && groups.get(rule.user)?.has(user) === true);
    if (!isUser) continue;
    const isDeny = rule.permission === '-';
    if (isDeny && ref === 'any' && !isDenying) continue;
    const fits = ref === 'any' || matchesRef(rule, user, ref);
    // Where a name makes it no regular expression any more, gitolite fails, and nobody pushes.
    if (fits === undefined) return false;
    if (!fits) continue;
    if (isDeny) return false;
    if (rule.permission.includes('W')) return true;
  }
  return false;
};
