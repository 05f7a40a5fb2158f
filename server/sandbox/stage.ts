/**
 * What the root directory of a staged toolchain shows at its top: the directories and links that a sandbox takes over.
 *
 * @module
 */
import { readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

export interface StageTop {
  readonly name: string;
  /** Target of a link; undefined for a directory. */
  readonly target: string | undefined;
}

/** Reads the top of a stage: directories such as `usr`, links such as `lib64 -> usr/lib64`. Anything else in it is not shown to a job. */
export const readStage = (root: string): StageTop[] =>
  readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() || entry.isSymbolicLink())
    .map((entry) => ({ name: entry.name, target: entry.isSymbolicLink() ? readlinkSync(join(root, entry.name)) : undefined }));
