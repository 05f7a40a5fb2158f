/**
 * Committer source of kind `list`: a text file with one name a line. `#` begins a comment at the start of a line or after white space.
 *
 * What always holds: a line that is no name, or a byte that is no UTF-8, makes the whole file invalid, with its position.
 *
 * @module
 */
import { createHash } from 'node:crypto';
import { WardError } from '../../protocol/errors.ts';
import { decodeText, readBounded, type ReadFile } from '../jsonc.ts';
import { isCommitterName } from '../principal.ts';
import type { CommitterReader, Membership } from './source.ts';

const maxListBytes = 64 * 1024 * 1024;

/** Parses a list; throws `config-invalid` with `file:line:column`. */
export const parseCommitterList = (text: string, file: string): ReadonlySet<string> => {
  const names = new Set<string>();
  for (const [index, line] of text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .entries()) {
    const name = line.replace(/(^|\s)#.*$/, '').trim();
    if (name === '') continue;
    const at = `${file}:${index + 1}:${line.indexOf(name) + 1}`;
    if (!isCommitterName(name))
      throw new WardError('config-invalid', `${at}: this line is no name of a committer (control characters, or longer than 256)`, { at });
    names.add(name);
  }
  return names;
};

/** A reader for `CommitterSource`. `file` is read whole at each reading; it may be replaced by rename. */
export const listReader = (file: string, readFile: ReadFile = readBounded): CommitterReader => ({
  kind: 'list',
  files: [file],
  async read(): Promise<Membership> {
    const bytes = await readFile(file, maxListBytes);
    const names = parseCommitterList(decodeText(bytes, file), file);
    return {
      revision: createHash('sha256').update(bytes).digest('hex').slice(0, 16),
      has: (name) => names.has(name),
      names: [...names],
    };
  },
});
