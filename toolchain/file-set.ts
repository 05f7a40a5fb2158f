/**
 * The files and links of a toolchain, collected path by path. Whatever path leads to a file, the set holds the file under its
 * real name and every link on the way, so that the same path leads to the same file in a copy that has only `/usr`.
 *
 * A link that leaves `/usr` (Debian's `/etc/alternatives`) is recorded as a link straight to where it comes back, so the copy
 * needs no `/etc` and two machines whose administrators chose the same compiler have the same set.
 *
 * @module
 */

import { lstatSync, readlinkSync } from 'node:fs';
import { dirname, posix } from 'node:path';
import { WardError } from '../protocol/errors.ts';

/** The links at the root of a merged-/usr system, which every copy has too. */
const MERGED = /^\/(lib|lib32|lib64|libx32|bin|sbin)(?=\/|$)/;

const MAX_LINKS = 40;

const isMissing = (error: unknown): boolean => ['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '');

/** `/lib/x` → `/usr/lib/x`: the same path without the root links of a merged-/usr system. */
export const merged = (path: string): string => path.replace(MERGED, '/usr$&');

export const underUsr = (path: string): boolean => path.startsWith('/usr/');

export class FileSet {
  /** Real paths of regular files. */
  readonly files = new Set<string>();
  /** Links: real path of the link → target as it must be written in a copy. */
  readonly links = new Map<string, string>();

  /** Adds the file a path leads to. Returns its real path, or undefined if nothing is there. */
  add(path: string): string | undefined {
    const found = this.#follow(path);
    if (found === undefined) return undefined;
    for (const [link, target] of found.links) this.links.set(link, target);
    if (lstatSync(found.path).isFile()) this.files.add(found.path);
    return found.path;
  }

  /** Makes `path` a link to `target`, in the copy only. */
  alias(path: string, target: string): void {
    this.links.set(path, target);
  }

  #follow(start: string): { path: string; links: [string, string][] } | undefined {
    const links: [string, string][] = [];
    let rest = merged(start).split('/').filter(Boolean);
    let at = '';
    while (rest.length > 0) {
      const [name, ...others] = rest as [string, ...string[]];
      rest = others;
      if (name === '.') continue;
      if (name === '..') {
        at = at === '' ? '' : dirname(at) === '/' ? '' : dirname(at);
        continue;
      }
      const next = `${at}/${name}`;
      const stat = lstatOrUndefined(next);
      if (stat === undefined) return undefined;
      if (!stat.isSymbolicLink()) {
        at = next;
        continue;
      }
      if (links.length >= MAX_LINKS) throw new WardError('toolchain-unknown', `${start} is a chain of too many links.`);
      const target = copyTarget(next);
      links.push([next, target]);
      const normal = target.startsWith('/') ? merged(target) : target;
      if (normal.startsWith('/')) at = '';
      rest = [...normal.split('/').filter(Boolean), ...rest];
    }
    if (!underUsr(at)) {
      throw new WardError('toolchain-unknown', `${start} leads to ${at || '/'}, which is not below /usr: such a compiler cannot travel.`);
    }
    return { path: at, links };
  }
}

/** The target of a link in `/usr`, followed outside `/usr` until it comes back. */
const copyTarget = (link: string): string => {
  const first = readlinkSync(link);
  let target = merged(posix.resolve(dirname(link), first));
  if (underUsr(target)) return first;
  for (let hops = 0; hops < MAX_LINKS; hops++) {
    const stat = lstatOrUndefined(target);
    if (stat === undefined || !stat.isSymbolicLink()) break;
    target = merged(posix.resolve(dirname(target), readlinkSync(target)));
    if (underUsr(target)) return target;
  }
  throw new WardError('toolchain-unknown', `${link} leads out of /usr: such a compiler cannot travel.`);
};

const lstatOrUndefined = (path: string): ReturnType<typeof lstatSync> | undefined => {
  try {
    return lstatSync(path);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
};
