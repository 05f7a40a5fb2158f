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

import type { Facts, Mention } from '../facts.ts';
import type { SearchPath } from '../search-path.ts';
import type { BuiltFile, TreeBuilder } from '../tree-builder.ts';
import { AskCompiler } from './ask.ts';
import { headersOf } from './computed.ts';
import type { Asked } from './definitions.ts';
import { expansionsOf } from './expansions.ts';
import type { Folder, Folders } from './folders.ts';
import { Lookup } from './lookup.ts';

/** What one file leads to. */
interface Node {
  readonly facts: Facts;
  /** Paths to follow, as the compiler opens them. */
  readonly leads: readonly string[];
  /** Precompiled headers that may be taken instead. */
  readonly compiled: readonly string[];
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

/** One scan: what it looks at, and what it found so far. */
class Run {
  readonly tree: TreeBuilder;
  readonly roots: ScanRoots;
  readonly since: number;
  readonly visited = new Map<string, BuiltFile>();
  /** Paths that were to be followed: most headers are led to many times. */
  readonly followed = new Set<string>();
  readonly consulted = new Map<Folder, number>();
  absolute = false;
  readonly asked: Asked = { macros: new Set(), definers: new Set() };

  constructor(tree: TreeBuilder, roots: ScanRoots, since: number) {
    this.tree = tree;
    this.roots = roots;
    this.since = since;
  }

  consult(folders: Iterable<readonly [Folder, number]>): void {
    for (const [folder, version] of folders) this.consulted.set(folder, version);
  }

  /** Notes what look-ups depend on, and came upon. */
  take({ folders, compiled }: Lookup): void {
    this.consult(folders);
    for (const path of compiled) this.tree.precompiled(path);
  }
}

export interface Scan {
  /** Every file that was followed, by the path it was opened by. */
  readonly visited: ReadonlyMap<string, BuiltFile>;
  /** Directories that were asked for names, with the version their answers belong to. */
  readonly consulted: ReadonlyMap<Folder, number>;
  /** A computed name was an absolute path. */
  readonly absolute: boolean;
  /** What it had to ask about macros. */
  readonly asked: Asked;
}

const mostNodes = 50_000;

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
   * @param since when the job began: looks at directories before that do not count
   * @throws AskCompiler when it can't be sure, StaysLocal when the command is local unless the compiler knows better
   */
  scan(tree: TreeBuilder, roots: ScanRoots, since: number): Scan {
    const run = new Run(tree, roots, since);
    const pending = [roots.source, ...this.#given(run)];
    while (pending.length > 0) {
      this.#drain(run, pending);
      pending.push(...this.#computed(run), ...this.#indirect(run));
    }
    return run;
  }

  /**
   * Adds what the literal names in files lead to, for files that the compiler listed: it does not list a header with
   * `#pragma once` that it compared with another one and left out.
   */
  complete(tree: TreeBuilder, roots: ScanRoots, files: readonly BuiltFile[], since: number): Scan {
    const run = new Run(tree, roots, since);
    const reached = new Set([...this.#given(run), roots.source].map((path) => tree.file(path)?.place));
    for (const opened of files) {
      run.visited.set(opened.place, opened);
      for (const lead of this.#node(run, opened).leads) reached.add(tree.file(lead)?.place);
    }
    this.#shadow(run, files.filter(({ place }) => !reached.has(place)));
    for (const path of this.#indirect(run)) tree.file(path);
    return run;
  }

  /** Headers that the command names, or that compilers include by themselves. */
  #given(run: Run): string[] {
    const { roots } = run;
    const lookup = this.#lookup(run);
    const found: string[] = [];
    for (const name of roots.forced) {
      const path = lookup.first(name, [roots.cwd, ...this.#search.quote, ...this.#search.angle]);
      // The compiler will complain; it does that here.
      if (path === undefined) throw new AskCompiler(`-include ${name}`);
      found.push(path);
    }
    for (const name of roots.implicit) found.push(...[lookup.first(name, this.#search.angle)].filter((path) => path !== undefined));
    run.take(lookup);
    return found;
  }

  #drain(run: Run, pending: string[]): void {
    for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
      const opened = run.tree.file(path);
      if (opened === undefined) throw new AskCompiler(path);
      if (run.visited.has(opened.place)) continue;
      run.visited.set(opened.place, opened);
      for (const lead of this.#node(run, opened).leads) {
        if (run.followed.has(lead)) continue;
        run.followed.add(lead);
        pending.push(lead);
      }
    }
  }

  /** Headers not yet visited that computed includes can mean. */
  #computed(run: Run): string[] {
    const found: string[] = [];
    const lookup = this.#lookup(run);
    for (const { place, file } of run.visited.values()) {
      for (const macro of file.facts.computed ?? []) {
        for (const { name, quoted } of headersOf(macro, run.visited.values(), run.roots.defines, run.asked)) {
          if (name.startsWith('/')) run.absolute = true;
          const path = lookup.first(name, quoted ? this.#places(place) : this.#search.angle);
          if (path !== undefined && !run.visited.has((run.tree.file(path) as BuiltFile).place)) found.push(path);
        }
      }
    }
    run.take(lookup);
    return found;
  }

  /** Files not yet visited that macros can ask for, from whichever file. @throws StaysLocal when that can't be told */
  #indirect(run: Run): string[] {
    const { visited, roots, asked } = run;
    const mentions = [...visited.values().flatMap(({ file }) => file.facts.indirect ?? [])];
    if (mentions.length === 0) return [];
    const angled = [...new Set(mentions.filter(({ quoted }) => !quoted).map(({ name }) => name))];
    const lookup = this.#lookup(run);
    const given = [...this.#search.quote, ...this.#search.angle];
    const found = expansionsOf(angled, [...visited.values()], roots.defines, asked).flatMap((name) => lookup.all(name, given));
    const quoted = new Set(mentions.filter((mention) => mention.quoted).map(({ name }) => name));
    const folders = new Set(quoted.size === 0 ? [] : visited.values().map(({ place }) => place.slice(0, place.lastIndexOf('/'))));
    for (const name of quoted) found.push(...lookup.all(name, [...folders, ...given]));
    run.take(lookup);
    return found.filter((path) => !visited.has((run.tree.file(path) as BuiltFile).place));
  }

  /** Asks every directory for headers that only the compiler found, so that it is noticed when one is shadowed. */
  #shadow(run: Run, files: readonly BuiltFile[]): void {
    const lookup = this.#lookup(run);
    const folders = run.visited.keys().map((path) => path.slice(0, path.lastIndexOf('/')));
    const places = [...new Set([...folders, ...this.#search.quote, ...this.#search.angle])];
    const namesOf = (path: string): string[] =>
      places.filter((place) => path.startsWith(`${place}/`)).map((place) => path.slice(place.length + 1));
    const names = new Set(files.flatMap(({ place }) => namesOf(place)));
    for (const name of names) lookup.candidates(name, places);
    run.take(lookup);
  }

  /** Where `"…"` is looked for in a file. */
  #places(file: string): string[] {
    return [file.slice(0, file.lastIndexOf('/')), ...this.#search.quote, ...this.#search.angle];
  }

  #lookup({ tree, since }: Run): Lookup {
    return new Lookup(tree, this.#folders, since);
  }

  #node(run: Run, opened: BuiltFile): Node {
    const { facts } = opened.file;
    const holds = ({ folders }: Node): boolean => folders.every(([folder, version]) => folder.refresh(run.since).version === version);
    let node = this.#nodes.get(opened.place);
    if (node === undefined || node.facts !== facts || node.unsure || !holds(node)) {
      node = this.#examine(run, opened);
      if (this.#nodes.size >= mostNodes) this.#nodes.clear();
      this.#nodes.set(opened.place, node);
    }
    run.consult(node.folders);
    for (const path of node.compiled) run.tree.precompiled(path);
    return node;
  }

  #examine(run: Run, opened: BuiltFile): Node {
    const { facts } = opened.file;
    const { cwd, embedDirs } = run.roots;
    const lookup = this.#lookup(run);
    const everywhere = this.#places(opened.place);
    const leads = new Set<string>();
    for (const mention of facts.includes ?? []) {
      const found = this.#include(lookup, mention, everywhere);
      if (found !== undefined) leads.add(found);
    }
    for (const { name } of facts.nexts ?? []) for (const found of lookup.all(name, everywhere)) leads.add(found);
    for (const { name } of facts.asks ?? []) for (const found of lookup.all(name, [cwd, ...everywhere, ...embedDirs])) leads.add(found);
    return { facts, leads: [...leads], compiled: [...lookup.compiled], folders: lookup.folders, unsure: lookup.unsure };
  }

  /**
   * What is included, or what clang offers, and goes on with, when there is no such header: what `"…"` would find instead of `<…>`, and then
   * the name without anything odd around it.
   */
  #include(lookup: Lookup, { name, quoted }: Mention, everywhere: readonly string[]): string | undefined {
    const places = quoted ? everywhere : this.#search.angle;
    const found = lookup.first(name, places) ?? (quoted ? undefined : lookup.first(name, everywhere));
    if (found !== undefined) return found;
    const plain = name.replace(/^[^A-Za-z0-9]+|[^A-Za-z0-9]+$/g, '');
    return plain === name ? undefined : lookup.first(plain, places);
  }
}
