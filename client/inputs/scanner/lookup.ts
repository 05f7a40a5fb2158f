/**
 * Looking a name up in directories in order, as a compiler does, and noting which directories the answer depends on.
 *
 * @module
 */

import { precompiledEndings } from '../tree-builder.ts';
import type { TreeBuilder } from '../tree-builder.ts';
import type { Folder, Folders } from './folders.ts';

/** Some look-ups, with the directories that the answers depend on. */
export class Lookup {
  readonly #tree: TreeBuilder;
  readonly #folders: Folders;
  readonly #since: number;
  readonly #used = new Map<Folder, number>();
  /** Precompiled headers that lie beside headers that were asked for. */
  readonly compiled = new Set<string>();
  unsure = false;

  constructor(tree: TreeBuilder, folders: Folders, since: number) {
    this.#tree = tree;
    this.#folders = folders;
    this.#since = since;
  }

  get folders(): (readonly [Folder, number])[] {
    return [...this.#used];
  }

  /** Paths under which a name exists, in order. */
  *candidates(name: string, places: readonly string[]): Generator<string> {
    if (name.startsWith('/')) {
      yield* this.#in('', name.replace(/^\/+/, ''));
      return;
    }
    for (const place of places) yield* this.#in(place === '/' ? '' : place, name);
  }

  *#in(place: string, name: string): Generator<string> {
    let at = place;
    const components = name.split('/').filter((component) => component !== '' && component !== '.');
    const base = components.pop();
    if (base === undefined || base === '..') return;
    for (const component of components) {
      if (component !== '..' && !this.#folder(at).has(component)) return;
      at = `${at}/${component}`;
    }
    const folder = this.#folder(at);
    for (const ending of precompiledEndings) if (folder.has(base + ending)) this.compiled.add(`${at}/${base}${ending}`);
    if (folder.has(base)) yield `${at}/${base}`;
  }

  #folder(path: string): Folder {
    const folder = this.#folders.get(path === '' ? '/' : path).refresh(this.#since);
    this.#used.set(folder, folder.version);
    return folder;
  }

  /** Whether a compiler can open this as a header: directories and dangling links are passed over. */
  opens(path: string): boolean {
    if (this.#tree.file(path) !== undefined) return true;
    this.unsure = true;
    return false;
  }

  all(name: string, places: readonly string[]): string[] {
    return [...this.candidates(name, places)].filter((path) => this.opens(path));
  }
}
