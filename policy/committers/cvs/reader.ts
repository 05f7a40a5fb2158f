/**
 * Committer source of kind `cvs`: the `writers` and `readers` files in the CVSROOT of a CVS repository (section "Read-only
 * repository access" of the CVS manual).
 *
 * What always holds: who is listed in `readers` may not write, also if `writers` lists the same name; a repository without a
 * `writers` file lets everybody write, which makes no list of committers, so the file must be there.
 *
 * @module
 */
import { createHash } from 'node:crypto';
import { WardError } from '../../../protocol/errors.ts';
import { decodeText, readBounded, type ReadFile } from '../../jsonc.ts';
import { isCommitterName } from '../../principal.ts';
import type { CommitterReader, Membership } from '../source.ts';

export interface CvsOptions {
  /** CVSROOT/writers. */
  readonly file: string;
  /** CVSROOT/readers, where there is one. */
  readonly readersFile?: string;
}

/**
 * One name a line, exactly: CVS compares whole lines. Empty lines are nobody; a line that begins with `#` is a comment here,
 * and a name that nobody has in CVS.
 *
 * @throws WardError `config-invalid` with `file:line:column` for a line that could only be meant otherwise
 */
export const parseNames = (text: string, file: string): ReadonlySet<string> => {
  const names = new Set<string>();
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line === '' || line.startsWith('#')) continue;
    const at = `${file}:${index + 1}:1`;
    if (/\s/.test(line) || !isCommitterName(line)) {
      throw new WardError('config-invalid', `${at}: this line is no name; CVS takes a line as it is, white space included`, { at });
    }
    names.add(line);
  }
  return names;
};

/** A reader for `CommitterSource`. */
export const cvsReader = ({ file, readersFile }: CvsOptions, readFile: ReadFile = readBounded): CommitterReader => ({
  kind: 'cvs',
  files: readersFile === undefined ? [file] : [file, readersFile],
  async read(): Promise<Membership> {
    const bytes = await readFile(file);
    const readerBytes = readersFile === undefined ? Buffer.alloc(0) : await readFile(readersFile);
    const readers = parseNames(decodeText(readerBytes, readersFile ?? file), readersFile ?? file);
    const names = [...parseNames(decodeText(bytes, file), file)].filter((name) => !readers.has(name)).sort();
    const writers = new Set(names);
    return {
      revision: createHash('sha256').update(bytes).update('\0').update(readerBytes).digest('hex').slice(0, 16),
      has: (name) => writers.has(name),
      names,
    };
  },
});
