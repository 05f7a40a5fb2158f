/**
 * A command may name a module map; its text is here only when the inputs are. What it names would be binary inputs, so it may
 * name none.
 *
 * @module
 */
import { readFile } from 'node:fs/promises';
import { dirname, join, posix } from 'node:path';
import { longestModuleMap, namesNoModule, readArguments } from '../../policy/options/index.ts';
import { WardError } from '../../protocol/errors.ts';
import type { Probe } from '../../protocol/messages.ts';
import type { TreeEntry } from '../../protocol/tree.ts';
import { resolveDirectory } from '../executor/paths-in-tree.ts';
import { Store } from '../store/store.ts';

/** @throws WardError `option-refused` for a map that names a module, or is no plain file of the tree */
export async function checkModuleMaps(probe: Probe, entries: readonly TreeEntry[], contents: string): Promise<void> {
  if (!probe.argv.some((argument) => argument.startsWith('-fmodule-mapper='))) return;
  const byPath = new Map(entries.map((entry) => [entry.path, entry]));
  for (const { entry: { spelling }, value = '' } of readArguments(probe.argv, 'gcc').options) {
    if (spelling !== '-fmodule-mapper=') continue;
    const path = posix.isAbsolute(value) ? value : `${probe.cwd}/${value}`;
    const directory = resolveDirectory(byPath, dirname(path));
    const file = directory === undefined ? undefined : byPath.get(posix.join(directory, posix.basename(path)));
    const isPlain = file?.kind === 'file' && file.size <= longestModuleMap;
    const text = isPlain ? await readFile(join(contents, Store.fileName(file.digest.toString('hex'))), 'latin1') : undefined;
    if (text !== undefined && namesNoModule(text)) continue;
    throw new WardError('option-refused', `The module map ${JSON.stringify(value)} is not one that names no module.`);
  }
}
