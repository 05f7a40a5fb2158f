/**
 * Tests are TypeScript and run as it is. Those under test/system/ need root; setup/test.sh runs them on their own.
 *
 * @module
 */
import { createRequire } from 'node:module';

// An error may have properties that are undefined. The YAML writer of the TAP reporter refuses those by default, and the whole
// report would be lost with the first failure that has one.
const yaml = createRequire(new URL('node_modules/supertap/dist/index.js', import.meta.url))('js-yaml');
const { safeDump } = yaml;
yaml.safeDump = (value, options) => safeDump(value, { skipInvalid: true, ...options });

const system = process.env.WARDCC_TEST_PART === 'system';

export default {
  extensions: ['ts'],
  files: system ? ['test/system/**/*.test.ts'] : ['test/**/*.test.ts', '!test/system/**', '!test/fixtures/**'],
  require: ['./test/fixtures/properties.ts'],
  timeout: '5m',
  concurrency: 3,
  workerThreads: false,
  cache: false,
};
