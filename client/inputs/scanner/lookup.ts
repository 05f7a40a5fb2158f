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

  /** The first place where a header can be opened; undefined if there is none. What comes after it does not matter. */
  first(name: string, places: readonly string[]): string | undefined {
    const components = componentsOf(name);
    for (const place of placesFor(name, places)) {
      const path = this.#in(place, components);
      if (path !== undefined && this.#opens(path)) return path;
    }
    return undefined;
  }

  /** Paths under which a name exists, in order. */
  candidates(name: string, places: readonly string[]): string[] {
    const components = componentsOf(name);
    return placesFor(name, places).map((place) => this.#in(place, components)).filter((path) => path !== undefined);
  }

  /** All places where a header can be opened, in order. */
  all(name: string, places: readonly string[]): string[] {
    return this.candidates(name, places).filter((path) => this.#opens(path));
  }

  #in(place: string, components: readonly string[]): string | undefined {
    const last = components.length - 1;
    const base = components[last];
    if (base === undefined || base === '..') return undefined;
    let at = place === '/' ? '' : place;
    for (let index = 0; index < last; index++) {
      const component = components[index] as string;
      if (component !== '..' && !this.#folder(at).has(component)) return undefined;
      at = `${at}/${component}`;
    }
    const folder = this.#folder(at);
    if (folder.holdsPrecompiled) {
      for (const ending of precompiledEndings) if (folder.has(base + ending)) this.compiled.add(`${at}/${base}${ending}`);
    }
    return folder.has(base) ? `${at}/${base}` : undefined;
  }

  #folder(path: string): Folder {
    const folder = this.#folders.get(path === '' ? '/' : path).refresh(this.#since);
    this.#used.set(folder, folder.version);
    return folder;
  }

  /** Whether a compiler can open this as a header: directories and dangling links are passed over. */
  #opens(path: string): boolean {
    if (this.#tree.file(path) !== undefined) return true;
    this.unsure = true;
    return false;
  }
}

const root = [''];

const placesFor = (name: string, places: readonly string[]): readonly string[] => (name.startsWith('/') ? root : places);

const componentsOf = (name: string): readonly string[] =>
  (name.includes('/') ? name.split('/').filter((component) => component !== '' && component !== '.') : name === '' || name === '.' ? [] : [name]);
