/**
 * Where a client's path leads inside its own tree of inputs, worked out in memory: the server's code never follows a client's link.
 *
 * @module
 */
import type { TreeEntry } from '../../protocol/tree.ts';

/** As many links as the kernel follows. */
const mostLinks = 40;

/**
 * The real directory of the tree that `path` names, links in the tree followed; undefined if that is no directory of the tree. `/` is one.
 * Attacker-controlled.
 */
export const resolveDirectory = (entries: ReadonlyMap<string, TreeEntry>, path: string): string | undefined => {
  let links = 0;
  let real = '';
  const names = path.split('/').reverse();
  while (names.length > 0) {
    const name = names.pop()!;
    if (name === '' || name === '.') continue;
    if (name === '..') {
      real = real.slice(0, Math.max(0, real.lastIndexOf('/')));
      continue;
    }
    const entry = entries.get(`${real}/${name}`);
    if (entry?.kind === 'directory') {
      real = entry.path;
    } else if (entry?.kind === 'link') {
      if (++links > mostLinks) return undefined;
      if (entry.target.startsWith('/')) real = '';
      names.push(...entry.target.split('/').reverse());
    } else {
      return undefined;
    }
  }
  return real === '' ? '/' : real;
};

/** Those of the directories that do not lie below another of them. */
export const outermost = (directories: Iterable<string>): string[] => {
  const kept: string[] = [];
  for (const directory of [...new Set(directories)].sort()) {
    if (!kept.some((above) => directory.startsWith(`${above}/`))) kept.push(directory);
  }
  return kept;
};
