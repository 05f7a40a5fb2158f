/**
 * The tree of a command that is sent as if its checkout lay in the common place. Only where the move changes nothing but names:
 * no way into the checkout but the command's own, and no way out of it over its top.
 *
 * @module
 */

import { posix } from 'node:path';
import type { TreeEntry } from '../../protocol/tree.ts';
import { commonCheckout, movePath } from '../command/checkout.ts';
import type { Facts } from './facts.ts';
import type { SearchPath } from './search-path.ts';

const isInside = (path: string, directory: string): boolean => path === directory || path.startsWith(`${directory}/`);

/** Whether a text names a file by a path that leads into the checkout. */
export const namesInto = (checkout: string, { includes = [], nexts = [], asks = [], lines = [] }: Facts): boolean =>
  [...[...includes, ...nexts, ...asks].map(({ name }) => name), ...lines].some((name) => isInside(posix.normalize(name), checkout));

/** The entries in the common checkout; undefined if the tree can't be moved. */
export const moveTree = (entries: readonly TreeEntry[], checkout: string, search: SearchPath): TreeEntry[] | undefined => {
  // Whoever looks from above sees the name of the checkout.
  const isAbove = (folder: string): boolean => folder !== checkout && `${checkout}/`.startsWith(folder === '/' ? folder : `${folder}/`);
  if ([...search.quote, ...search.angle, ...search.unused].some((folder) => isAbove(posix.resolve(folder)))) return undefined;
  const moved: TreeEntry[] = [];
  for (const entry of entries) {
    const { path, kind } = entry;
    if (isInside(path, commonCheckout)) return undefined;
    if (kind === 'directory' && isAbove(path)) continue;
    if (kind !== 'directory' && isAbove(posix.dirname(path))) return undefined;
    if (kind === 'link' && !mayMove(path, entry.target, checkout)) return undefined;
    moved.push({ ...entry, path: movePath(path, checkout), ...(kind === 'link' ? { target: movePath(entry.target, checkout) } : {}) });
  }
  return moved;
};

/** Leading `..` only: then the way of a link is what its text says. */
const straight = /^(?:\.\.\/)*(?:\.\.|(?:(?!\.\.?(?:\/|$))[^/]+\/)*(?!\.\.?$)[^/]+\/?)$/;

/** A link inside may lead out by a plain path, one outside may not lead in. Ways over `..` are seen where they are walked. */
const mayMove = (path: string, target: string, checkout: string): boolean =>
  isInside(path, checkout)
    ? !target.startsWith('/') || target === posix.normalize(target)
    : straight.test(target.replace(/^\//, '')) && !isInside(posix.resolve(posix.dirname(path), target), checkout);

/** The path where a file of the moved tree really lies. */
export const placeOf = (path: string, checkout: string): string =>
  isInside(path, commonCheckout) ? checkout + path.slice(commonCheckout.length) : path;
