/**
 * Where the parts of an installation lie, seen from this file: the same whether it runs as TypeScript from the source tree
 * or as JavaScript from `dist/`.
 *
 * @module
 */
import { fileURLToPath } from 'node:url';

const fromSource = import.meta.url.endsWith('.ts');

/** A module of the server, named from `server/`: `front/main`. */
export const serverModule = (name: string): string => fileURLToPath(new URL(`../${name}${fromSource ? '.ts' : '.js'}`, import.meta.url));

/** A native program, as built by set-up. */
export const nativeProgram = (name: string): string => fileURLToPath(new URL(`${fromSource ? '../../dist' : '../..'}/native/${name}`, import.meta.url));
