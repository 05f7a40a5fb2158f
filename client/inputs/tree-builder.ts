/**
 * The input tree of one command, built path by path as the kernel would walk it: each component is looked at with lstat,
 * links become link entries and are followed, directories on the way become directory entries, so that the copy resolves
 * every one of these paths exactly as the original does, `sub/../x.h` included.
 *
 * What lies in system directories is the toolchain's: only its include directories may be filled. A builder sees the file
 * system once; it is made for one command and thrown away. Groups of files may be any numbers: encoding makes them canonical.
 *
 * @module
 */

import { readlinkSync } from 'node:fs';
import type { TreeEntry } from '../../protocol/tree.ts';
import type { FileCache, KnownFile } from './file-cache.ts';
import { identityOf, isSettled, type FileState } from './file-state.ts';
import type { FileStates } from './file-states.ts';
import { StaysLocal } from './reasons.ts';
import type { Young } from './seen.ts';
import type { StageView } from './stage-view.ts';

export interface BuiltFile {
  readonly file: KnownFile;
  /** Absolute path without links. */
  readonly real: string;
  /** The path as it was opened, its directory without links: `#include "…"` in the file starts from there. */
  readonly place: string;
}

interface FileNode {
  readonly file: KnownFile;
  readonly second: number;
}

/** Compilers look for these beside a header. */
export const precompiledEndings = ['.gch', '.pch'];

const mostLinks = 40;
const mostEntries = 100_000;
/** What a path that can't be resolved looks like from outside: the compiler does not find it either. */
const absent = Symbol('absent');

export class TreeBuilder {
  readonly #states: FileStates;
  readonly #cache: FileCache;
  readonly #stage: StageView;
  readonly #files = new Map<string, FileNode>();
  readonly #links = new Map<string, string>();
  readonly #directories = new Set<string>();
  /** Directory as it was written → real directory. */
  readonly #resolved = new Map<string, string | typeof absent>([['', '']]);
  /** Real paths by inode, by device. */
  readonly #identities = new Map<number | string, Map<number | string, string>>();
  /** Files by the path they were opened by: a builder sees the file system once. */
  readonly #opened = new Map<string, BuiltFile>();
  /** Directories as written whose way leads through a system directory that a sandbox does not have. */
  readonly #foreign = new Set<string>();
  readonly #young: Young[] = [];
  readonly #precompiled = new Map<string, BuiltFile>();
  readonly #checkout: string | undefined;
  #crossed = false;

  /** @param checkout a directory; ways over its top are noticed */
  constructor(cache: FileCache, stage: StageView, states: FileStates, checkout?: string) {
    this.#checkout = checkout;
    this.#states = states;
    this.#cache = cache;
    this.#stage = stage;
  }

  /** Adds a directory and the way to it. Returns its real path; undefined if it is none, or lies where no input may lie. */
  directory(path: string): string | undefined {
    const real = this.#resolve(path.replace(/(.)\/+$/, '$1'), 0);
    if (real === absent) return undefined;
    return real === '' ? '/' : real;
  }

  /**
   * Adds a file and the way to it. Returns undefined if nothing is there, or a directory.
   *
   * @param path absolute, as the compiler opens it
   * @throws StaysLocal if it may not be sent or is no regular file
   */
  file(path: string): BuiltFile | undefined {
    const known = this.#opened.get(path);
    if (known !== undefined) return known;
    const opened = this.#file(path, 0, undefined);
    if (opened !== undefined) this.#opened.set(path, opened);
    return opened;
  }

  #file(path: string, hops: number, opened: string | undefined): BuiltFile | undefined {
    const slash = path.lastIndexOf('/');
    const folder = path.slice(0, slash);
    const parent = this.#resolve(folder, hops);
    const name = path.slice(slash + 1);
    if (parent === absent || name === '' || name === '.' || name === '..') return undefined;
    const real = `${parent}/${name}`;
    const place = opened ?? real;
    const known = this.#files.get(real);
    if (known !== undefined && !this.#foreign.has(folder)) return { file: known.file, real, place };
    const state = this.#states.get(real);
    if (state === undefined || state.kind === 'directory') return undefined;
    if (this.#foreign.has(folder)) throw new StaysLocal('system-file', path);
    if (state.kind === 'link') {
      if (hops >= mostLinks) return undefined;
      return this.#file(this.#link(real, parent, state), hops + 1, place);
    }
    if (state.kind !== 'file') throw new StaysLocal('odd-input', real);
    if (!this.#stage.mayBeInput(real)) throw new StaysLocal('system-file', real);
    this.#single(state, real);
    const file = this.#cache.get(real, state);
    if (!file.settled) this.#young.push({ path: real, hex: file.hex });
    this.#files.set(real, { file, second: state.second });
    if (this.#files.size > mostEntries) throw new StaysLocal('too-many-inputs', real);
    return { file, real, place };
  }

  /** Records a link and returns the absolute path it stands for. */
  #link(real: string, parent: string, state: FileState): string {
    const settled = isSettled(state.words, Date.now());
    const target = readlinkSync(real, 'buffer');
    const text = target.toString('utf8');
    if (!Buffer.from(text).equals(target)) throw new StaysLocal('non-utf8-path', real);
    if (!settled) this.#young.push({ path: real, target: text });
    if (!this.#stage.hasLink(real)) {
      if (!this.#stage.mayBeInput(real)) throw new StaysLocal('system-file', real);
      this.#links.set(real, text);
    }
    return text.startsWith('/') ? text : `${parent}/${text}`;
  }

  #resolve(path: string, hops: number): string | typeof absent {
    const known = this.#resolved.get(path);
    if (known !== undefined) return known;
    const slash = path.lastIndexOf('/');
    const folder = path.slice(0, slash);
    const parent = this.#resolve(folder, hops);
    const real = parent === absent ? absent : this.#step(parent, path.slice(slash + 1), hops, path);
    if (this.#foreign.has(folder)) this.#foreign.add(path);
    this.#resolved.set(path, real);
    return real;
  }

  #step(parent: string, name: string, hops: number, path: string): string | typeof absent {
    if (name === '' || name === '.') return parent;
    if (name === '..') {
      if (parent === this.#checkout) this.#crossed = true;
      return parent.slice(0, Math.max(0, parent.lastIndexOf('/')));
    }
    const real = `${parent}/${name}`;
    if (real === this.#checkout && path !== real) this.#crossed = true;
    const state = this.#states.get(real);
    if (state === undefined) return absent;
    if (state.kind === 'link') {
      if (hops >= mostLinks) return absent;
      const target = this.#link(real, parent, state);
      const followed = this.#resolve(target, hops + 1);
      if (this.#foreign.has(target)) this.#foreign.add(path);
      return followed;
    }
    if (state.kind !== 'directory') return absent;
    if (this.#directories.has(real)) return real;
    if (this.#stage.mayBeEntry(real)) {
      this.#single(state, real);
      this.#directories.add(real);
      if (this.#directories.size > mostEntries) throw new StaysLocal('too-many-inputs', real);
    } else if (!this.#stage.hasDirectory(real)) this.#foreign.add(path);
    return real;
  }

  /** The same inode under two names would become two files. */
  #single(state: FileState, real: string): void {
    const { device, inode } = identityOf(state);
    let inodes = this.#identities.get(device);
    if (inodes === undefined) this.#identities.set(device, inodes = new Map());
    const other = inodes.get(inode);
    if (other !== undefined && other !== real) throw new StaysLocal('input-twice', `${other} and ${real}`);
    inodes.set(inode, real);
  }

  /** Adds a precompiled header. @throws StaysLocal if it is anything but a file */
  precompiled(path: string): void {
    const opened = this.file(path);
    if (opened === undefined || opened.place !== opened.real) throw new StaysLocal('precompiled-header', path);
    this.#precompiled.set(path, opened);
  }

  /** Whether a file was added that lies at this path, which has no links in it. */
  has(real: string): boolean {
    return this.#files.has(real);
  }

  /** Digests, hex, of the precompiled headers, by path. */
  get precompiledHeaders(): ReadonlyMap<string, string> {
    return new Map([...this.#precompiled].map(([path, { file }]) => [path, file.hex]));
  }

  /** True if a path led out of the checkout by `..`, or into it by another name than its own. */
  get crossed(): boolean {
    return this.#crossed;
  }

  /** Files and links so young that they may have changed since without a trace. */
  get young(): readonly Young[] {
    return this.#young;
  }

  /**
   * The tree so far. Files of equal content are in one group if their modification times agree to the second, because
   * `#pragma once` compares both.
   */
  finish(): { entries: TreeEntry[]; bytes: number } {
    const entries: TreeEntry[] = [];
    for (const path of this.#directories) entries.push({ path, kind: 'directory' });
    for (const [path, target] of this.#links) entries.push({ path, kind: 'link', target });
    const seconds = new Map<string, number[]>();
    let bytes = 0;
    for (const [path, { file, second }] of this.#files) {
      const same = seconds.get(file.hex);
      let group = 0;
      if (same === undefined) seconds.set(file.hex, [second]);
      else if ((group = same.indexOf(second)) < 0) group = same.push(second) - 1;
      entries.push({ path, kind: 'file', digest: file.digest, size: file.size, group });
      bytes += file.size;
    }
    entries.sort((a, b) => (a.path < b.path ? -1 : 1));
    return { entries, bytes };
  }
}
