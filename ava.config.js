/**
 * Tests are TypeScript and run as it is. Those under test/system/ need root; setup/test.sh runs them on their own.
 *
 * @module
 */
const system = process.env.WARDCC_TEST_PART === 'system';

export default {
  extensions: ['ts'],
  files: system ? ['test/system/**/*.test.ts'] : ['test/**/*.test.ts', '!test/system/**', '!test/fixtures/**'],
  timeout: '5m',
  concurrency: 3,
  workerThreads: false,
  cache: false,
};
