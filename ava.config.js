/**
 * Tests are TypeScript and run as it is. Those under test/system/ need root, those under test/interop/ other KDCs; both
 * run on their own.
 *
 * @module
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

// An error may have properties that are undefined. The YAML writer of the TAP reporter refuses those by default, and the whole
// report would be lost with the first failure that has one.
const yaml = createRequire(new URL('node_modules/supertap/dist/index.js', import.meta.url))('js-yaml');
const { safeDump } = yaml;
yaml.safeDump = (value, options) => safeDump(value, { skipInvalid: true, ...options });

const part = process.env.WARDCC_TEST_PART;
const column = process.env.WARDCC_TEST_COLUMN;
const parts = {
  system: ['test/system/**/*.test.ts'],
  // Against the KDC of one column; setup/interop.sh runs them.
  interop: [
    'test/krb5/{truth-table,attacks,times}.test.ts',
    ...(column === 'mit' ? [] : ['test/interop/weak-keys.test.ts']), ...(column === 'samba' ? ['test/interop/active-directory.test.ts'] : []),
  ],
};
const ordinary = ['test/**/*.test.ts', '!test/system/**', '!test/interop/**', '!test/fixtures/**'];
// What a KDC cannot be brought to is not run, and docs/interop.md says why.
const impossible = part === 'interop' ? JSON.parse(readFileSync(new URL('test/interop/not-possible.json', import.meta.url), 'utf8'))[column] : {};

export default {
  extensions: ['ts'],
  files: parts[part] ?? ordinary,
  match: Object.keys(impossible).map((title) => `!${title}`),
  require: ['./test/fixtures/properties.ts'],
  timeout: '5m',
  concurrency: part === 'interop' ? 1 : 3,
  workerThreads: false,
  cache: false,
};
