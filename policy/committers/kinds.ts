/**
 * The kinds of committer sources: what a policy writes for each, and how each is read. Paths are relative to the policy.
 *
 * @module
 */
import { readBounded, type ReadFile } from '../jsonc.ts';
import { cvsReader, type CvsOptions } from './cvs/reader.ts';
import { gitoliteReader, type GitoliteOptions } from './gitolite/reader.ts';
import { ldapMistakes, ldapReader, type LdapOptions } from './ldap/reader.ts';
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
  | ({ readonly kind: 'ldap' } & LdapOptions)
);

const path = { type: 'string', minLength: 1, maxLength: 4096 } as const;
const word = { type: 'string', pattern: '^[^\\s]{1,256}$', description: 'a name without white space' } as const;

const text = { type: 'string', minLength: 1, maxLength: 4096 } as const;
const attribute = { type: 'string', pattern: '^[A-Za-z][A-Za-z0-9-]{0,127}$', description: 'the name of an attribute' } as const;
const url = { type: 'string', minLength: 1, maxLength: 512 } as const;

/** Beside `id`, `kind`, `staleSeconds` and `ordered`. */
const keys = {
  list: { required: ['file'], properties: { file: path } },
  subversion: {
    required: ['file'],
    properties: {
      file: path,
      groupsFile: path,
      repository: { type: 'string', pattern: '^[^/:]{1,256}$', description: 'the name of a repository, without / and :' },
      path: { type: 'string', pattern: '^/.{0,4095}$', description: 'a path that begins with /' },
    },
  },
  gitolite: { required: ['file', 'repository'], properties: { file: path, repository: word, ref: word } },
  'allowed-signers': { required: ['file'], properties: { file: path, namespace: word } },
  cvs: { required: ['file'], properties: { file: path, readersFile: path } },
  ldap: {
    required: ['url', 'ca', 'bind', 'group'],
    properties: {
      url: { type: ['string', 'array'], minLength: 1, maxLength: 512, minItems: 1, maxItems: 8, items: url },
      ca: path,
      bind: {
        type: 'object',
        additionalProperties: false,
        properties: { dn: text, passwordFile: path, cert: path, key: path },
        required: [],
        dependentRequired: { dn: ['passwordFile'], passwordFile: ['dn'], cert: ['key'], key: ['cert'] },
        minProperties: 1,
      },
      group: text,
      members: { type: 'string', enum: ['member', 'uniqueMember', 'memberUid', 'memberOf'] },
      nested: { type: 'boolean' },
      name: attribute,
      people: text,
      filter: text,
      lowerCase: { type: 'boolean' },
      pollSeconds: { type: 'integer', minimum: 1, maximum: 3600 },
    },
  },
} as const satisfies Record<WrittenSource['kind'], { required?: readonly string[]; properties: object }>;

/** JSON Schema of one source. `id` is the schema of identifiers. */
export const sourceSchema = (id: object): object => ({
  type: 'object',
  required: ['id', 'kind'],
  properties: {
    id,
    kind: { type: 'string', enum: Object.keys(keys) },
    staleSeconds: { type: 'integer', minimum: 0, maximum: 30 * 86_400 },
    ordered: { type: 'boolean' },
  },
  allOf: Object.entries(keys).map(([kind, own]) => ({
    if: { type: 'object', properties: { kind: { type: 'string', not: { const: kind } } } },
    else: { type: 'object', ...own },
  })),
  unevaluatedProperties: false,
});

/** What is wrong with a source beyond its schema: keys, and sentences about them. */
export const sourceMistakes = (source: WrittenSource): readonly (readonly [key: string, sentence: string])[] =>
  source.kind === 'ldap' ? ldapMistakes(source) : [];

/** Makes the reader of a source. `resolve` turns a path in the policy into one that can be opened. */
export const readerOf = (source: WrittenSource, resolve: (file: string) => string, readFile: ReadFile = readBounded): CommitterReader => {
  if (source.kind === 'ldap') return directoryReaderOf(source, resolve, readFile);
  const files = filesOf(source).map(resolve);
  const make = (read: ReadFile): CommitterReader => fileReaderOf(source, resolve, read);
  return source.ordered === true ? orderedReader(files, make, readFile) : make(readFile);
};

const directoryReaderOf = (source: LdapSource, resolve: (file: string) => string, readFile: ReadFile): CommitterReader => {
  const { bind } = source;
  const resolved = 'cert' in bind
    ? { cert: resolve(bind.cert), key: resolve(bind.key) }
    : { dn: bind.dn, passwordFile: resolve(bind.passwordFile) };
  return ldapReader({ ...source, ca: resolve(source.ca), bind: resolved }, readFile);
};

type LdapSource = Extract<WrittenSource, { kind: 'ldap' }>;
type FileSource = Exclude<WrittenSource, { kind: 'ldap' }>;

/** The files that a source names itself. */
const filesOf = (source: FileSource): readonly string[] => {
  const second = source.kind === 'subversion' ? source.groupsFile : source.kind === 'cvs' ? source.readersFile : undefined;
  return second === undefined ? [source.file] : [source.file, second];
};

const fileReaderOf = (source: FileSource, resolve: (file: string) => string, readFile: ReadFile): CommitterReader => {
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
