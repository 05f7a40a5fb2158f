/**
 * Which paths a job may name at all, before anything is laid out: the same rule that the client applies, enforced here.
 *
 * @module
 */
import { dirname, posix } from 'node:path';
import type { NamedPath } from '../../policy/options/index.ts';
import { checkClientDirectory, checkClientPath } from '../../policy/paths.ts';
import type { OptionFinding } from '../../policy/types.ts';
import { WardError } from '../../protocol/errors.ts';
import type { Probe } from '../../protocol/messages.ts';
import type { TreeEntry } from '../../protocol/tree.ts';
import { resolveDirectory } from '../executor/paths-in-tree.ts';

/** Working directory and outputs: what is wrong with them. */
export function checkJobPaths(probe: Probe, includeDirs: readonly string[]): OptionFinding[] {
  const findings: OptionFinding[] = [];
  const refuse = (path: string, reason: string): void => {
    findings.push({ code: 'path-refused', option: path, message: `The path ${JSON.stringify(path)} is refused: ${reason}.` });
  };
  for (const path of [probe.cwd, ...(probe.pwd === undefined ? [] : [probe.pwd]), ...probe.outputs]) {
    const reason = checkClientPath(path, includeDirs);
    if (reason !== undefined) refuse(path, reason);
  }
  for (const output of probe.outputs) {
    if (includeDirs.some((directory) => output.startsWith(`${directory}/`))) refuse(output, 'outputs may not lie among the headers of the compiler');
  }
  return findings;
}

/**
 * Files that the command line itself names. The sandbox shows nothing but the tree whatever they say; this makes a command that
 * reaches for a system file a refusal with a reason. Search directories may be named freely: what is not there is not searched.
 */
export function checkNamedPaths(paths: readonly NamedPath[], cwd: string, includeDirs: readonly string[]): OptionFinding[] {
  return paths.flatMap(({ role, path }): OptionFinding[] => {
    const reason = role === 'search' ? undefined : checkClientPath(posix.resolve(cwd, path), includeDirs);
    return reason === undefined ? [] : [{ code: 'path-refused', option: path, message: `The path ${JSON.stringify(path)} is refused: ${reason}.` }];
  });
}

/** Every path of the tree, and that job and outputs are at directories of the tree. @throws WardError `path-refused`, `tree-invalid` */
export function checkTreePaths(entries: readonly TreeEntry[], probe: Probe, includeDirs: readonly string[]): void {
  const directories = new Set<string>();
  const byPath = new Map<string, TreeEntry>();
  for (const entry of entries) {
    if (entry.kind === 'directory') directories.add(entry.path);
    byPath.set(entry.path, entry);
    const check = entry.kind === 'directory' ? checkClientDirectory : checkClientPath;
    const reason = check(entry.path, includeDirs);
    if (reason !== undefined) throw new WardError('path-refused', `The input ${JSON.stringify(entry.path)} is refused: ${reason}.`);
  }
  // The toolchain has its include directories whether or not the tree names them.
  const toolchains = (path: string): boolean => includeDirs.some((directory) => `${directory}/`.startsWith(`${path}/`) || path.startsWith(`${directory}/`));
  for (const path of [probe.cwd, probe.pwd ?? probe.cwd]) {
    if (resolveDirectory(byPath, path) !== undefined || toolchains(path)) continue;
    throw new WardError('tree-invalid', `The tree has no directory for the working directory ${JSON.stringify(path)}.`);
  }
  for (const output of probe.outputs) {
    if (!directories.has(dirname(output))) throw new WardError('tree-invalid', `The tree has no directory for the output ${JSON.stringify(output)}.`);
  }
}
