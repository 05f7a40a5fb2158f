/**
 * The kinds of committer sources: what a policy writes for each, and how each is read. Paths are relative to the policy.
 *
 * @module
 */
import { readBounded, type ReadFile } from '../jsonc.ts';
import { cvsReader, type CvsOptions } from './cvs/reader.ts';
import { gitoliteReader, type GitoliteOptions } from './gitolite/reader.ts';
import { listReader } from './list.ts';
import { allowedSignersReader, type AllowedSignersOptions } from './openssh/reader.ts';
import { orderedReader } from './order.ts';
import type { CommitterReader } from './source.ts';
import { subversionReader, type SubversionOptions } from './subversion/reader.ts';

interface Common {
  readonly id: string;
  /** How long the last good answer counts while the source cannot be read. */
  readonly staleSeconds?: number;
  /** Revisions carry a number that only grows; see order.ts. */
  readonly ordered?: boolean;
}

/** One source as the author of a policy wrote it. */
export type WrittenSource = Common & (
  | { readonly kind: 'list'; readonly file: string }
  | ({ readonly kind: 'subversion' } & SubversionOptions)
  | ({ readonly kind: 'gitolite' } & GitoliteOptions)
  | ({ readonly kind: 'allowed-signers' } & AllowedSignersOptions)
  | ({ readonly kind: 'cvs' } & CvsOptions)
);

const path = { type: 'string', minLength: 1, maxLength: 4096 } as const;
const word = { type: 'string', pattern: '^[^\\s]{1,256}$', description: 'a name without white space' } as const;

/** Beside `id`, `kind`, `file`, `staleSeconds` and `ordered`. */
const keys = {
  list: { properties: {} },
  subversion: {
    properties: {
      groupsFile: path,
      repository: { type: 'string', pattern: '^[^/:]{1,256}$', description: 'the name of a repository, without / and :' },
      path: { type: 'string', pattern: '^/.{0,4095}$', description: 'a path that begins with /' },
    },
  },
  gitolite: { required: ['repository'], properties: { repository: word, ref: word } },
  'allowed-signers': { properties: { namespace: word } },
  cvs: { properties: { readersFile: path } },
} as const satisfies Record<WrittenSource['kind'], { required?: readonly string[]; properties: object }>;

/** JSON Schema of one source. `id` is the schema of identifiers. */
export const sourceSchema = (id: object): object => ({
  type: 'object',
  required: ['id', 'kind', 'file'],
  properties: {
    id,
    kind: { type: 'string', enum: Object.keys(keys) },
    file: path,
    staleSeconds: { type: 'integer', minimum: 0, maximum: 30 * 86_400 },
    ordered: { type: 'boolean' },
  },
  allOf: Object.entries(keys).map(([kind, own]) => ({
    if: { type: 'object', properties: { kind: { type: 'string', not: { const: kind } } } },
    else: { type: 'object', ...own },
  })),
  unevaluatedProperties: false,
});

/** Makes the reader of a source. `resolve` turns a path in the policy into one that can be opened. */
export const readerOf = (source: WrittenSource, resolve: (file: string) => string, readFile: ReadFile = readBounded): CommitterReader => {
  const files = filesOf(source).map(resolve);
  const make = (read: ReadFile): CommitterReader => fileReaderOf(source, resolve, read);
  return source.ordered === true ? orderedReader(files, make, readFile) : make(readFile);
};

/** The files that a source names itself. */
const filesOf = (source: WrittenSource): readonly string[] => {
  const second = source.kind === 'subversion' ? source.groupsFile : source.kind === 'cvs' ? source.readersFile : undefined;
  return second === undefined ? [source.file] : [source.file, second];
};

const fileReaderOf = (source: WrittenSource, resolve: (file: string) => string, readFile: ReadFile): CommitterReader => {
  const file = resolve(source.file);
  switch (source.kind) {
    case 'list': return listReader(file, readFile);
    case 'subversion':
      return subversionReader({ ...source, file, ...(source.groupsFile !== undefined && { groupsFile: resolve(source.groupsFile) }) }, readFile);
    case 'gitolite': return gitoliteReader({ ...source, file }, readFile);
    case 'allowed-signers': return allowedSignersReader({ ...source, file }, readFile);
    case 'cvs':
      return cvsReader({ file, ...(source.readersFile !== undefined && { readersFile: resolve(source.readersFile) }) }, readFile);
  }
};
