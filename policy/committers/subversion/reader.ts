/**
 * Committer source of kind `subversion`: who may write at one path of one repository, according to the server's access file.
 *
 * @module
 */
import { createHash } from 'node:crypto';
import { decodeText, readBounded, type ReadFile } from '../../jsonc.ts';
import type { CommitterReader, Membership } from '../source.ts';
import { accessOf, parseAuthz, type Authz } from './authz.ts';

export interface SubversionOptions {
  /** The access file (`authz-db` of svnserve, `AuthzSVNAccessFile` of Apache). */
  readonly file: string;
  /** The global groups file, where one is used. */
  readonly groupsFile?: string;
  /** Name of the repository as rules write it; without one only rules for every repository count. */
  readonly repository?: string;
  /** Where a committer must be able to write; `/` by default, which is the whole repository unless rules below say otherwise. */
  readonly path?: string;
}

/** No user has this name: names have no control characters. */
const nobodyInParticular = '\u0001';

/** A reader for `CommitterSource`. The files are read whole at each reading. */
export const subversionReader = (
  { file, groupsFile, repository, path = '/' }: SubversionOptions, readFile: ReadFile = readBounded,
): CommitterReader => {
  const mayWrite = (authz: Authz, user: string): boolean =>
    accessOf(authz, { user, path, ...(repository === undefined ? {} : { repository }) }) === 'rw';
  return {
    kind: 'subversion',
    files: groupsFile === undefined ? [file] : [file, groupsFile],
    async read(): Promise<Membership> {
      const bytes = await readFile(file);
      const groupBytes = groupsFile === undefined ? undefined : await readFile(groupsFile);
      const groupsText = groupBytes === undefined ? undefined : decodeText(groupBytes, groupsFile ?? file);
      const authz = parseAuthz(decodeText(bytes, file), file, groupsText, groupsFile);
      return {
        revision: createHash('sha256').update(bytes).update(groupBytes ?? '').digest('hex').slice(0, 16),
        has: (name) => name !== '' && mayWrite(authz, name),
        // Only when somebody asks: it takes the number of users times the number of entries.
        get names() {
          return mayWrite(authz, nobodyInParticular) ? undefined : [...authz.users].filter((user) => mayWrite(authz, user)).sort();
        },
      };
    },
  };
};
