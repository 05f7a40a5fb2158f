/**
 * Follows every directive that may be taken, over the compiler's real search path, without a compiler. It finds all that the
 * compiler would read and some files more: branches are not evaluated. What it can't follow it says, and then the compiler
 * is asked.
 *
 * What a file leads to is remembered for each search path: it depends on the file's text and on which of the names it asks
 * for exist, and both are checked for each job.
 *
 * @module
 */

import type { Facts } from '../facts.ts';
import { StaysLocal } from '../reasons.ts';
import type { SearchPath } from '../search-path.ts';
import type { BuiltFile, TreeBuilder } from '../tree-builder.ts';
import { AskCompiler } from './ask.ts';
import { headersOf } from './computed.ts';
import type { Folder, Folders } from './folders.ts';

/** What one file leads to. */
interface Node {
  readonly facts: Facts;
  /** Paths to follow, as the compiler opens them. */
  readonly leads: readonly string[];
  readonly folders: readonly (readonly [Folder, number])[];
  /** A name was there and yet no file could be opened: what it leads to is looked up again each time. */
  readonly unsure: boolean;
}

export interface ScanRoots {
  /** The source. */
  readonly source: string;
  /** Names given by -include and -imacros. */
  readonly forced: readonly string[];
  readonly cwd: string;
  /** Directories that only `#embed` looks into. */
  readonly embedDirs: readonly string[];
  /** Headers that the compiler includes by itself if they exist. */
  readonly implicit: readonly string[];
  /** What `-D` options say. */
  readonly defines: readonly string[];
}

const mostNodes = 50_000;
const compiledHeader = ['.gch', '.pch'];

/** Everything remembered about one search path. */
export class Scanner {
  readonly #search: SearchPath;
  readonly #folders: Folders;
  readonly #nodes = new Map<string, Node>();

  constructor(search: SearchPath, folders: Folders) {
    this.#search = search;
    this.#folders = folders;
  }

  /**
   * Adds to the tree everything that a compile may read.
   *
   * @param job a number that no other job has: directories are looked at once for each
   * @returns every file that was followed, by the path it was opened by
   * @throws AskCompiler when it can't be sure, StaysLocal when the command is local unless the compiler knows better
   */
  scan(tree: TreeBuilder, roots: ScanRoots, job: number): Map<string, BuiltFile> {
    const visited = new Map<string, BuiltFile>();
    const pending: string[] = [roots.source];
    const start = new Lookup(tree, this.#folders, job);
    for (const name of roots.forced) {
      const found = this.#first(start, name, [roots.cwd, ...this.#search.quote, ...this.#search.angle]);
      // The compiler will complain; it does that here.
      if (found === undefined) throw new AskCompiler(`-include ${name}`);
      pending.push(found);
    }
    for (const name of roots.implicit) {
      const found = this.#first(start, name, this.#search.angle);
      if (found !== undefined) pending.push(found);
    }
    while (pending.length > 0) {
      this.#drain(pending, visited, tree, roots, job);
      pending.push(...this.#computed(visited, tree, roots, job));
    }
    return visited;
  }

  #drain(pending: string[], visited: Map<string, BuiltFile>, tree: TreeBuilder, roots: ScanRoots, job: number): void {
    for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
      const opened = tree.file(path);
      if (opened === undefined) throw new AskCompiler(path);
      if (visited.has(opened.place)) continue;
      visited.set(opened.place, opened);
      for (const lead of this.#node(tree, opened, roots, job).leads) pending.push(lead);
    }
  }

  /**
   * Where the literal names in one file lead, for a file that the compiler listed: it does not list a header with
   * `#pragma once` that it compared with another one and left out.
   */
  leads(tree: TreeBuilder, opened: BuiltFile, roots: ScanRoots, job: number): readonly string[] {
    return this.#node(tree, opened, roots, job).leads;
  }

  /** Headers not yet visited that computed includes can mean. */
  #computed(visited: Map<string, BuiltFile>, tree: TreeBuilder, roots: ScanRoots, job: number): string[] {
    const found: string[] = [];
    for (const { place, file } of visited.values()) {
      for (const macro of file.facts.computed ?? []) {
        for (const { name, quoted } of headersOf(macro, visited.values(), roots.defines)) {
          const path = this.#first(new Lookup(tree, this.#folders, job), name, this.#places(place, quoted));
          if (path !== undefined && !visited.has((tree.file(path) as BuiltFile).place)) found.push(path);
        }
      }
    }
    return found;
  }

  #places(from: string, quoted: boolean): string[] {
    const { quote, angle } = this.#search;
    return quoted ? [from.slice(0, from.lastIndexOf('/')), ...quote, ...angle] : [...angle];
  }

  #node(tree: TreeBuilder, opened: BuiltFile, roots: ScanRoots, job: number): Node {
    const { facts } = opened.file;
    const known = this.#nodes.get(opened.place);
    if (known !== undefined && known.facts === facts && !known.unsure && known.folders.every(([folder, version]) => folder.refresh(job).version === version)) return known;
    const lookup = new Lookup(tree, this.#folders, job);
    const everywhere = this.#places(opened.place, true);
    const leads = new Set<string>();
    for (const { name, quoted } of facts.includes ?? []) {
      const found = (quoted ? undefined : this.#first(lookup, name, this.#search.angle)) ?? this.#instead(lookup, name, everywhere);
      if (found !== undefined) leads.add(found);
    }
    for (const { name } of facts.nexts ?? []) for (const found of lookup.all(name, everywhere)) leads.add(found);
    for (const { name } of facts.asks ?? []) for (const found of lookup.all(name, [roots.cwd, ...everywhere, ...roots.embedDirs])) leads.add(found);
    const node = { facts, leads: [...leads], folders: lookup.folders, unsure: lookup.unsure };
    if (this.#nodes.size >= mostNodes) this.#nodes.clear();
    this.#nodes.set(opened.place, node);
    return node;
  }

  /**
   * What clang offers, and goes on with, when there is no such header: what `"…"` would find instead of `<…>`, and the name
   * without anything odd around it.
   */
  #instead(lookup: Lookup, name: string, everywhere: readonly string[]): string | undefined {
    const found = this.#first(lookup, name, everywhere);
    const plain = name.replace(/^[^A-Za-z0-9]+|[^A-Za-z0-9]+$/g, '');
    return found ?? (plain === name ? undefined : this.#first(lookup, plain, everywhere));
  }

  /** The first place where a header can be opened; undefined if there is none. */
  #first(lookup: Lookup, name: string, places: readonly string[]): string | undefined {
    for (const path of lookup.candidates(name, places)) if (lookup.opens(path)) return path;
    return undefined;
  }
}

/** Look-ups for one node, with the directories that the answers depend on. */
class Lookup {
  readonly #tree: TreeBuilder;
  readonly #folders: Folders;
  readonly #job: number;
  readonly #used = new Map<Folder, number>();
  unsure = false;

  constructor(tree: TreeBuilder, folders: Folders, job: number) {
    this.#tree = tree;
    this.#folders = folders;
    this.#job = job;
  }

  get folders(): (readonly [Folder, number])[] {
    return [...this.#used];
  }

  /** Paths under which a name exists, in order. @throws StaysLocal when a compiled header lies in its way. */
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
    for (const ending of compiledHeader) if (folder.has(base + ending)) throw new StaysLocal('precompiled-header', `${at}/${base}${ending}`);
    if (folder.has(base)) yield `${at}/${base}`;
  }

  #folder(path: string): Folder {
    const folder = this.#folders.get(path === '' ? '/' : path).refresh(this.#job);
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
