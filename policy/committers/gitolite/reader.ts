/**
 * Committer source of kind `gitolite`: who may push to one repository (and one branch), according to gitolite.conf.
 *
 * @module
 */
import { createHash } from 'node:crypto';
import { readBounded, type ReadFile } from '../../jsonc.ts';
import type { CommitterReader, Membership } from '../source.ts';
import { mayWrite, parseConf, rulesFor, type RepositoryRules } from './conf.ts';
import { readLines } from './lines.ts';

export interface GitoliteOptions {
  /** gitolite.conf; what it includes lies beside it. */
  readonly file: string;
  readonly repository: string;
  /** `master` or `refs/heads/master`. Without one: whoever may push somewhere, as gitolite asks first. */
  readonly ref?: string;
}

/** A user name that gitolite accepts and that nobody has. */
const nobodyInParticular = '0-nobody-in-particular';

const usersOf = ({ rules, groups }: RepositoryRules): Set<string> => {
  const keys = new Set(rules.flatMap(({ users }) => users));
  return new Set([...keys].flatMap((key) => key.startsWith('@') ? [...groups.get(key) ?? []] : [key]));
};

/** A reader for `CommitterSource`. Included files join the list of files to watch as they are read. */
export const gitoliteReader = (
  { file, repository, ref = 'any' }: GitoliteOptions, readFile: ReadFile = readBounded,
): CommitterReader => {
  const fullRef = ref === 'any' || /^(?:refs|VREF)\//.test(ref) ? ref : `refs/heads/${ref}`;
  const files = [file];
  return {
    kind: 'gitolite',
    files,
    async read(): Promise<Membership> {
      const { lines, files: found, directories } = await readLines(file, readFile);
      files.splice(0, files.length, ...found, ...directories);
      const rules = rulesFor(parseConf(lines), repository);
      return {
        revision: createHash('sha256').update(JSON.stringify(lines)).digest('hex').slice(0, 16),
        has: (name) => mayWrite(rules, name, fullRef),
        // Only when somebody asks: it takes the number of users times the number of rules.
        get names() {
          if (mayWrite(rules, nobodyInParticular, fullRef)) return undefined;
          return [...usersOf(rules)].filter((user) => mayWrite(rules, user, fullRef)).sort();
        },
      };
    },
  };
};
