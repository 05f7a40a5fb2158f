/**
 * Who may import whom. Read from the sources, so that a forbidden import fails here before anybody relies on it.
 *
 * @module
 */
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import test from 'ava';

const root = resolve(import.meta.dirname, '..');

/** For each directory of the product, the others that its modules may import. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  protocol: [],
  policy: ['protocol'],
  toolchain: ['protocol'],
  certs: ['protocol'],
  link: ['protocol', 'certs'],
  client: ['protocol', 'policy', 'toolchain', 'certs', 'link'],
  server: ['protocol', 'policy', 'toolchain', 'certs', 'link'],
  ctl: ['protocol', 'policy', 'toolchain', 'certs', 'client'],
};

/** For each directory, the packages that its modules may import: what carries bytes of strangers is parsed in few places. */
const packages: Readonly<Record<string, readonly string[]>> = {
  protocol: ['ajv', 'tweetnacl', 'ws'],
  policy: ['ajv', 'jsonc-parser', 'ldapts', 'tweetnacl'],
  toolchain: [],
  certs: ['node-forge'],
  link: ['ws'],
  client: ['kerberos'],
  server: ['ioredis', 'kerberos', 'ws'],
  ctl: ['commander'],
};

/** What is no part of the product, and what of it may be imported there. */
const beside: Readonly<Record<string, readonly string[]>> = {
  setup: ['ctl', 'protocol', 'policy', 'toolchain', 'certs', 'client'],
  bench: ['setup', 'ctl', 'protocol', 'policy', 'toolchain', 'certs', 'link', 'client', 'server'],
};

const sources = (directory: string): string[] =>
  readdirSync(join(root, directory), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(entry.parentPath, entry.name));

const specifiers = (text: string): string[] =>
  [...text.matchAll(/(?:^|\s)(?:import|export)\s[^;'"]*?from\s*['"]([^'"]+)['"]|(?<!['"])\bimport\s*\(?\s*['"]([^'"]+)['"]/g)].map(
    (match) => match[1] ?? match[2] ?? '',
  );

/** Imports of a directory's modules that are not allowed, as lines of text. */
const violations = (directory: string, isAllowed: (specifier: string, file: string) => boolean): string[] =>
  sources(directory).flatMap((file) =>
    specifiers(readFileSync(file, 'utf8'))
      .filter((specifier) => !isAllowed(specifier, file))
      .map((specifier) => `${relative(root, file)} imports ${specifier}`));

for (const [directory, others] of Object.entries({ ...allowed, ...beside })) {
  test(`${directory}/ imports nothing of ours but ${[directory, ...others].join(', ')}`, (t) => {
    const part = (specifier: string, file: string): string => relative(root, resolve(dirname(file), specifier)).split('/')[0] ?? '';
    t.deepEqual(violations(directory, (specifier, file) => !specifier.startsWith('.') || [directory, ...others].includes(part(specifier, file))), []);
  });
}

for (const [directory, known] of Object.entries(packages)) {
  test(`${directory}/ imports no package but ${known.join(', ') || 'those of Node'}`, (t) => {
    const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { dependencies: Record<string, string> };
    for (const name of known) t.true(name in dependencies, `${name} is installed with the product`);
    const isKnown = (specifier: string): boolean => /^(\.|node:)/.test(specifier) || known.includes(specifier.split('/')[0] ?? '');
    t.deepEqual(violations(directory, isKnown), []);
  });
}

test('a file of the product is at most 400 lines long', (t) => {
  const long = Object.keys(allowed).flatMap(sources).map((file) => [relative(root, file), readFileSync(file, 'utf8').split('\n').length - 1] as const);
  t.deepEqual(long.filter(([, lines]) => lines > 400), []);
});

test('every relative import names a TypeScript file by its ending, so that Node can run the sources as they are', (t) => {
  const isWhole = (specifier: string): boolean => !specifier.startsWith('.') || /\.(ts|json|node)$/.test(specifier);
  t.deepEqual(Object.keys(allowed).flatMap((directory) => violations(directory, isWhole)), []);
});

test('the import reader sees every form of import', (t) => {
  const text = `import a from './a.ts';\nimport type { B } from "./b.ts";\nimport './c.ts';\nexport * from './d.ts';\nawait import('./e.ts');\nimport {\n  f,\n  g,\n} from './f.ts';`;
  t.deepEqual(specifiers(text), ['./a.ts', './b.ts', './c.ts', './d.ts', './e.ts', './f.ts']);
});
