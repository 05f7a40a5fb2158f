/**
 * Where the modules of the server lie: the same whether it runs as TypeScript from the source tree or as JavaScript from
 * `dist/`.
 *
 * @module
 */
import { fileURLToPath } from 'node:url';

const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';

/** A module of the server, named from `server/`: `front/main`. */
export const serverModule = (name: string): string => fileURLToPath(new URL(`../${name}.${extension}`, import.meta.url));
