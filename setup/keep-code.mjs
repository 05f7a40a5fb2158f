// Compiles what the agent imports, and keeps that in dist/code-cache. Part of the build.
import { enableCompileCache, flushCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';

const dist = new URL('../dist/', import.meta.url);
enableCompileCache({ directory: fileURLToPath(new URL('code-cache', dist)), portable: true });
await import(new URL('client/agent/start.js', dist));
flushCompileCache();
process.exit();
