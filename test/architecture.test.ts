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
  client: ['protocol', 'policy', 'toolchain', 'certs'],
  server: ['protocol', 'policy', 'toolchain', 'certs'],
  ctl: ['protocol', 'policy', 'toolchain', 'certs', 'client'],
};

const sources = (directory: string): string[] =>
  readdirSync(join(root, directory), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(entry.parentPath, entry.name));

const specifiers = (text: string): string[] =>
  [...text.matchAll(/(?:^|\s)(?:import|export)\s[^;'"]*?from\s*['"]([^'"]+)['"]|\bimport\s*\(?\s*['"]([^'"]+)['"]/g)].map(
    (match) => match[1] ?? match[2] ?? '',
  );

for (const [directory, others] of Object.entries(allowed)) {
  test(`${directory}/ imports nothing of ours but ${[directory, ...others].join(', ')}`, (t) => {
    const violations: string[] = [];
    for (const file of sources(directory)) {
      for (const specifier of specifiers(readFileSync(file, 'utf8'))) {
        if (!specifier.startsWith('.')) continue;
        const target = relative(root, resolve(dirname(file), specifier)).split('/')[0] ?? '';
        if (target !== directory && !others.includes(target)) violations.push(`${relative(root, file)} imports ${specifier}`);
      }
    }
    t.deepEqual(violations, []);
  });
}

test('every relative import names a TypeScript file by its ending, so that Node can run the sources as they are', (t) => {
  const violations: string[] = [];
  for (const directory of Object.keys(allowed)) {
    for (const file of sources(directory)) {
      for (const specifier of specifiers(readFileSync(file, 'utf8'))) {
        if (specifier.startsWith('.') && !/\.(ts|json|node)$/.test(specifier)) violations.push(`${relative(root, file)} imports ${specifier}`);
      }
    }
  }
  t.deepEqual(violations, []);
});

test('the import reader sees every form of import', (t) => {
  const text = `import a from './a.ts';\nimport type { B } from "./b.ts";\nimport './c.ts';\nexport * from './d.ts';\nawait import('./e.ts');\nimport {\n  f,\n  g,\n} from './f.ts';`;
  t.deepEqual(specifiers(text), ['./a.ts', './b.ts', './c.ts', './d.ts', './e.ts', './f.ts']);
});
