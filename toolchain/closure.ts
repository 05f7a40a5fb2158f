/**
 * What a compiler is made of: every file that a `-c` run may execute, load or be steered by, and nothing that a client has to
 * send. The driver with its chain of links, the programs it starts, their libraries, files whose mere presence changes what
 * the driver does, and the C.UTF-8 locale (its codeset decides which quotes a diagnostic has). Headers are no part of it.
 *
 * @module
 */

import { readdirSync } from 'node:fs';
import { basename, dirname, posix } from 'node:path';
import { WardError } from '../protocol/errors.ts';
import { readElf } from './elf.ts';
import { FileSet, merged, underUsr } from './file-set.ts';
import { addLibraries } from './libraries.ts';
import { ask, coverIncludeDirs, parseVerbose, type Family, type Verbose } from './query.ts';

export type CanaryLanguage = 'c' | 'c++';

export interface Closure {
  readonly family: Family;
  readonly version: string;
  readonly target: string;
  readonly files: FileSet;
  readonly includeDirs: string[];
  /** Languages that the installed parts can compile. */
  readonly languages: CanaryLanguage[];
  /** Programs that the driver looks up on PATH; a client whose PATH finds others compiles locally. */
  readonly pathPrograms: string[];
  /** Directories whose change may change the closure. */
  readonly watched: string[];
}

/** A driver is known by the name of the file at the end of its links; ccache and its like are something else. */
const DRIVER = /^([\w.]+-)*(gcc|g\+\+|cc|c\+\+|clang|clang\+\+|cpp|clang-cpp)(-[\d.]+)?$/;

const LOCALES = ['/usr/lib/locale/C.utf8', '/usr/lib/locale/C.UTF-8'];

/** Helpers of gcc that it finds below its own directory or on PATH. */
const GCC_PROGRAMS = ['cc1', 'cc1plus', 'cc1obj', 'cc1objplus', 'as', 'objcopy'];
const CLANG_PROGRAMS = ['as'];
/** Where a change may lead a driver or the loader to other files. */
const steeringDirectories = ['/etc', '/etc/alternatives', '/etc/ld.so.conf', '/etc/ld.so.conf.d', '/usr/bin'];

/** gcc's files that steer clang: which installation it takes, and which variants of it exist. */
const STEERING = ['crtbegin.o', '32/crtbegin.o', 'x32/crtbegin.o', '64/crtbegin.o'];

const addFolder = (files: FileSet, folder: string, skip: (name: string) => boolean = () => false): void => {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch {
    return;
  }
  for (const name of names) {
    if (skip(name)) continue;
    const real = files.add(`${folder}/${name}`);
    if (real !== undefined && !files.files.has(real)) addFolder(files, real);
  }
};

/** Finds a helper program; gcc answers with the bare name when PATH decides. */
const program = async (compiler: string, name: string): Promise<{ path: string; onPath: boolean }> => {
  const { ok, stdout } = await ask(compiler, [`-print-prog-name=${name}`]);
  const answer = ok ? stdout.trim() : name;
  const onPath = dirname(merged(posix.normalize(answer))) === '/usr/bin' || !answer.includes('/');
  return { path: answer.includes('/') ? answer : `/usr/bin/${answer}`, onPath };
};

const printed = async (compiler: string, file: string): Promise<string | undefined> => {
  const { ok, stdout } = await ask(compiler, [`-print-file-name=${file}`]);
  const answer = stdout.trim();
  return ok && answer.includes('/') && answer !== file ? answer : undefined;
};

/** Asks for the search paths in every language, and with them for the compiler's identity. */
const introductions = async (compiler: string): Promise<Verbose[]> => {
  const question = async (...more: string[]): Promise<Verbose> => {
    const { stderr } = await ask(compiler, ['-E', '-v', ...more, '/dev/null']);
    return parseVerbose(stderr);
  };
  const [c, cxx] = await Promise.all([question('-x', 'c'), question('-x', 'c++')]);
  return c.family === 'clang' ? [c, cxx, await question('-stdlib=libc++', '-x', 'c++')] : [c, cxx];
};

/**
 * Finds everything the compiler at an absolute path, as it is invoked, is made of.
 *
 * @throws WardError `toolchain-unknown` with the reason when it is no compiler that can travel: a script, a wrapper, another
 * kind of compiler, or one with parts outside `/usr`.
 */
export const findClosure = async (compiler: string): Promise<Closure> => {
  const files = new FileSet();
  const driver = files.add(compiler);
  if (driver === undefined) throw new WardError('toolchain-unknown', `There is no compiler at ${compiler}.`);
  if (!DRIVER.test(basename(driver)) || readElf(driver) === undefined) {
    throw new WardError('toolchain-unknown', `${compiler} (${driver}) is a script or a wrapper, not gcc or clang itself.`);
  }
  const verbose = await introductions(compiler);
  const { family, target } = verbose[0] as Verbose;
  if (family === undefined || target === undefined) {
    throw new WardError('toolchain-unknown', `${compiler} does not present itself as gcc or clang.`);
  }
  const [version, programs, specs] = await Promise.all([
    ask(compiler, family === 'gcc' ? ['-dumpfullversion'] : ['-dumpversion']).then(({ stdout }) => stdout.trim()),
    Promise.all((family === 'gcc' ? GCC_PROGRAMS : CLANG_PROGRAMS).map(async (name) => ({ name, ...(await program(compiler, name)) }))),
    family === 'gcc' ? printed(compiler, 'specs') : undefined,
  ]);
  const found = programs.flatMap(({ name, path, onPath }) => {
    const real = files.add(path);
    return real === undefined ? [] : [{ name, real, onPath }];
  });
  if (family === 'gcc' && !found.some(({ name }) => name === 'as')) {
    throw new WardError('toolchain-unknown', `${compiler} has no assembler: install binutils.`);
  }
  if (specs !== undefined) files.add(specs);
  const watched = new Set([...steeringDirectories, dirname(compiler), dirname(driver), ...found.map(({ real }) => dirname(real))]);
  if (family === 'clang') for (const folder of await addClangFiles(compiler, driver, verbose, files)) watched.add(folder);
  addLibraries(files, [driver, ...found.map(({ real }) => real)]);
  for (const locale of LOCALES) addFolder(files, locale);
  const holdsPart = (folder: string): boolean => [...files.files, ...files.links.keys()].some((path) => path.startsWith(`${folder}/`));
  const has = (name: string): boolean => family === 'clang' || found.some((item) => item.name === name);
  return {
    family,
    version,
    target,
    files,
    includeDirs: coverIncludeDirs(verbose).filter((folder) => !holdsPart(folder)),
    languages: [...(has('cc1') ? ['c' as const] : []), ...(has('cc1plus') ? ['c++' as const] : [])],
    pathPrograms: found.filter(({ onPath }) => onPath).map(({ name }) => name),
    watched: [...watched].sort(),
  };
};

/** clang's own steering files; returns directories to watch. */
const addClangFiles = async (compiler: string, driver: string, verbose: readonly Verbose[], files: FileSet): Promise<string[]> => {
  for (const path of verbose.flatMap((answer) => answer.configurations)) {
    if (!underUsr(merged(path))) throw new WardError('toolchain-unknown', `${compiler} is steered by ${path}, which is not below /usr.`);
    files.add(path);
  }
  for (const folder of new Set([dirname(compiler), dirname(driver)])) {
    for (const name of readdirSync(folder)) if (name.endsWith('.cfg')) files.add(`${folder}/${name}`);
  }
  const { stdout } = await ask(compiler, ['-print-resource-dir']);
  const resources = stdout.trim();
  // Its headers come from the client like all headers; its lib directory is for linking.
  if (resources !== '') addFolder(files, resources, (name) => name === 'include' || name === 'lib');
  const installation = verbose[0]?.gccInstallation;
  if (installation !== undefined) for (const name of STEERING) files.add(`${installation}/${name}`);
  // clang takes the newest of the installations that lie side by side.
  return [resources, ...(installation === undefined ? [] : [installation, dirname(installation)])].filter((folder) => folder !== '')
    .map((folder) => merged(posix.normalize(folder)));
};
