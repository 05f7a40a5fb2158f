/**
 * The agent's program. The build has compiled its code once and kept what came of it; where that is missing, or another node's, the code
 * is compiled as any.
 *
 * @module
 */
import { existsSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';

const compiled = fileURLToPath(new URL('../../code-cache', import.meta.url));
if (existsSync(compiled)) enableCompileCache({ directory: compiled, portable: true });
const { start } = await import('./start.ts');
await start();
