/**
 * The tree of last time with other contents in some of its files. Which files a command can read depends on which files there are, and on
 * what their texts may make a compiler read. While both are as they were, an edit changes nothing in the tree but a digest and a size:
 * so after the edit of a header, nothing is scanned again, however many files include it.
 *
 * @module
 */

import { withContents, type Content, type MayReplace } from '../../protocol/tree-files.ts';
import { movePath } from '../command/checkout.ts';
import { CollectedInputs } from './collected.ts';
import type { FileCache, KnownFile } from './file-cache.ts';
import type { FileTable } from './file-table.ts';
import { StaysLocal } from './reasons.ts';
import { definesOne, type Asked } from './scanner/definitions.ts';
import { precompiledEndings } from './tree-builder.ts';

/** Where the states and contents of files are known. */
export interface Sources {
  readonly table: FileTable;
  readonly files: FileCache;
}

/**
 * @param changed numbers, in the table, of the paths whose state is another than it was
 * @param asked about macros that name headers: what defines them may not have changed
 * @returns undefined where it takes a scan to tell
 */
export const renew = (inputs: CollectedInputs, changed: readonly number[], asked: Asked, sources: Sources): CollectedInputs | undefined => {
  const { seen, how, checkout } = inputs;
  // A compiler's list rests on what the branches were.
  if (how !== 'scanner') return undefined;
  const contents = new Map<string, KnownFile>();
  for (const id of changed) {
    const path = sources.table.path(id);
    const file = fileAt(id, path, sources);
    if (file === undefined || asked.definers.has(path) || definesOne({ file, real: path }, asked.macros)) return undefined;
    contents.set(checkout === undefined ? path : movePath(path, checkout), file);
  }
  let { bytes } = inputs;
  const mayReplace: MayReplace = (path, before, now) => {
    bytes += now.size - before.size;
    return leadsWhereItDid(before, contents.get(path)!, sources.files);
  };
  const encoded = withContents(inputs.encoded, contents, mayReplace);
  return encoded === undefined ? undefined : CollectedInputs.of(encoded, { bytes, how, checkout, seen: seen.again() });
};

/** A file of which the scan could say no more than this. */
const fileAt = (id: number, path: string, { table, files }: Sources): KnownFile | undefined => {
  if (precompiledEndings.some((ending) => path.endsWith(ending))) return undefined;
  try {
    const state = table.state(id);
    const file = state?.kind === 'file' ? files.get(path, state) : undefined;
    return file?.settled === true ? file : undefined;
  } catch (error) {
    // The scan says what is wrong with it.
    if (error instanceof StaysLocal) return undefined;
    throw error;
  }
};

const leadsWhereItDid = ({ digest }: Content, now: KnownFile, files: FileCache): boolean => {
  const before = digest.toString('hex');
  return before === now.hex || files.earlierFacts(before) === now.facts;
};
