/**
 * Shared libraries as the dynamic loader finds them (ld.so(8)): `DT_RPATH` of the object and its loaders, `DT_RUNPATH` of the
 * object, the directories of ld.so.conf, the default directories. A copy of a toolchain has no ld.so.cache, so a library
 * from a directory that only ld.so.conf names is aliased into a default directory there.
 *
 * @module
 */

import { readFileSync, readdirSync, statSync } from 'node:fs';
import { dirname, posix } from 'node:path';
import { WardError } from '../protocol/errors.ts';
import { readElf, type ElfFile } from './elf.ts';
import { merged, type FileSet } from './file-set.ts';

const TRIPLETS: Readonly<Record<number, string>> = { 62: 'x86_64-linux-gnu', 183: 'aarch64-linux-gnu' };
const MAX_OBJECTS = 1000;

const isFile = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;

const list = (directory: string): string[] => {
  try {
    return readdirSync(directory).sort();
  } catch {
    return [];
  }
};

/** The directories that Debian's loader searches without any configuration. */
const defaultDirectories = (machine: number): string[] => {
  const triplet = TRIPLETS[machine];
  return [...(triplet === undefined ? [] : [`/usr/lib/${triplet}`]), ...(machine === 62 ? ['/usr/lib64'] : []), '/usr/lib'];
};

/** Directories that /etc/ld.so.conf and its includes name, in order. */
const configuredDirectories = (file = '/etc/ld.so.conf', depth = 0): string[] => {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return [];
  }
  return text.split('\n').flatMap((line) => {
    const words = line.replace(/#.*/, '').trim().split(/[\s:,]+/).filter(Boolean);
    if (words[0] !== 'include') return words.map((word) => merged(posix.normalize(word)));
    if (depth > 4) return [];
    const included = words.slice(1).flatMap((pattern) => expand(posix.resolve(dirname(file), pattern)));
    return included.flatMap((name) => configuredDirectories(name, depth + 1));
  });
};

/** File names that match a pattern whose last component may hold `*`. */
const expand = (pattern: string): string[] => {
  const [before, after] = posix.basename(pattern).split('*', 2) as [string, string | undefined];
  if (after === undefined) return [pattern];
  const directory = dirname(pattern);
  return list(directory).filter((name) => name.startsWith(before) && name.endsWith(after)).map((name) => posix.join(directory, name));
};

const searchPath = (text: string | undefined, origin: string): string[] =>
  (text ?? '').split(':').filter(Boolean).map((part) =>
    posix.normalize(part.replace(/\$(ORIGIN|\{ORIGIN\})/g, origin).replace(/\$(LIB|\{LIB\})/g, 'lib')));

interface Task {
  /** Path as the loader opens it. */
  path: string;
  elf: ElfFile;
  /** RPATH directories of the objects that loaded this one. */
  inherited: string[];
}

/**
 * Adds to `files` everything that the given programs need to be loaded: interpreters and libraries, recursively.
 *
 * @throws WardError `toolchain-unknown` when a library is missing or lies outside `/usr`.
 */
export const addLibraries = (files: FileSet, programs: readonly string[]): void => {
  const configured = configuredDirectories();
  const seen = new Set<string>();
  const tasks: Task[] = [];
  const visit = (path: string, inherited: string[]): void => {
    const real = files.add(path);
    if (real === undefined) throw new WardError('toolchain-unknown', `${path}, which a compiler needs, does not exist.`);
    if (seen.has(path)) return;
    seen.add(path);
    if (seen.size > MAX_OBJECTS) throw new WardError('toolchain-unknown', 'The compiler needs more libraries than are followed.');
    const elf = readElf(real);
    if (elf !== undefined) tasks.push({ path, elf, inherited });
  };
  for (const program of programs) visit(program, []);
  for (let task = tasks.pop(); task !== undefined; task = tasks.pop()) {
    const { elf, path, inherited } = task;
    if (elf.interpreter !== undefined) visit(merged(elf.interpreter), []);
    const origin = dirname(path);
    const own = elf.runpath === undefined ? searchPath(elf.rpath, origin) : [];
    const rpaths = elf.runpath === undefined ? [...own, ...inherited] : [];
    const named = [...rpaths, ...searchPath(elf.runpath, origin)];
    for (const name of elf.needed) {
      const library = find(files, name, named, configured, elf);
      visit(library, rpaths);
    }
  }
};

/** The path of one needed library; its variants for particular processors are added on the way. */
const find = (files: FileSet, name: string, named: string[], configured: string[], wanted: ElfFile): string => {
  if (name.includes('/')) return merged(name);
  const defaults = defaultDirectories(wanted.machine);
  for (const directory of [...named, ...configured, ...defaults]) {
    const path = `${merged(directory)}/${name}`;
    if (!isFile(path) || !fits(path, wanted)) continue;
    addVariants(files, directory, name);
    const plain = named.includes(directory) || defaults.includes(directory);
    if (plain) return path;
    const real = files.add(path);
    const alias = `${defaults[0] as string}/${name}`;
    if (real !== undefined) files.alias(alias, real);
    return path;
  }
  throw new WardError('toolchain-unknown', `The library ${name}, which the compiler needs, was not found.`);
};

const fits = (path: string, wanted: ElfFile): boolean => {
  try {
    const elf = readElf(path);
    return elf !== undefined && elf.bits === wanted.bits && elf.machine === wanted.machine;
  } catch {
    return false;
  }
};

/** Which of `glibc-hwcaps/*` the loader takes depends on the processor: all of them are part of the toolchain. */
const addVariants = (files: FileSet, directory: string, name: string): void => {
  const root = `${merged(directory)}/glibc-hwcaps`;
  for (const level of list(root)) if (isFile(`${root}/${level}/${name}`)) files.add(`${root}/${level}/${name}`);
};
