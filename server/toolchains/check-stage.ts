/**
 * Is a stage still what its name stands for? The name is a digest over every path, content, link and execute bit, so that nothing but
 * the stage itself is read: no list that could have been changed along with it.
 *
 * @module
 */
import { lstatSync, readlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import { toolchainDigest, type ToolchainEntry } from '../../toolchain/describe.ts';
import { hashFile } from '../../toolchain/hash.ts';
import type { DamagedToolchain, StagedCompiler, StageIndex } from './index-file.ts';
import { rootLinks, survey } from './stage.ts';

/** What is known while several stages that share files are looked through: digests by inode, and what the pool calls an inode. */
interface Seen {
  readonly digests: Map<string, string>;
  readonly pool: ReadonlyMap<string, string>;
}

const byPath = (a: ToolchainEntry, b: ToolchainEntry): number => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path));

/**
 * Hashes all of these compilers' stages; a file that several share is read once.
 *
 * @param stages the directory in which they lie, beside the pool
 * @returns those that are damaged. What cannot be read is damaged
 */
export const checkStages = async (stages: string, staged: StageIndex): Promise<DamagedToolchain[]> => {
  const damaged: DamagedToolchain[] = [];
  const seen: Seen = { digests: new Map(), pool: readPool(stages) };
  for (const compiler of staged) {
    const damage = await findDamage(compiler, seen);
    if (damage !== undefined) damaged.push({ digest: compiler.digest, name: compiler.name, damage });
  }
  return damaged;
};

/** Files of the pool are named by what they hold. One that cannot be read names nothing. */
const readPool = (stages: string): Map<string, string> => {
  try {
    const files = survey(join(stages, 'pool')).filter(([, what]) => what.startsWith('file '));
    return new Map(files.map(([path, what]) => [what, basename(path).replace(/-x$/, '')]));
  } catch {
    return new Map();
  }
};

/** What is wrong with a stage; undefined: nothing. */
const findDamage = async ({ digest, name, root }: StagedCompiler, seen: Seen): Promise<string | undefined> => {
  const suspects: string[] = [];
  try {
    const entries: ToolchainEntry[] = [];
    for (const [below, what] of survey(root)) {
      if (what === `link ${rootLinks[below]}`) continue;
      const path = `/${below}`;
      if (what === 'directory') {
        if ((lstatSync(join(root, below)).mode & 0o7777) !== 0o555) suspects.push(`the directory ${path} can be written`);
      } else if (what.startsWith('link ')) {
        entries.push({ path, kind: 'link', target: readlinkSync(join(root, below)) });
      } else {
        entries.push(await fileEntry(root, path, what, seen, suspects));
      }
    }
    if (suspects.length === 0 && toolchainDigest(name, entries.sort(byPath)) === digest) return undefined;
  } catch (error) {
    suspects.push((error as Error).message);
  }
  const more = suspects.length > 1 ? ` (and ${suspects.length - 1} more)` : '';
  return `${suspects[0] ?? 'files were added, removed or put elsewhere'}${more}`;
};

const fileEntry = async (root: string, path: string, what: string, { digests, pool }: Seen, suspects: string[]): Promise<ToolchainEntry> => {
  const at = join(root, path);
  const { mode, size } = lstatSync(at);
  if (!what.startsWith('file ')) throw new Error(`${path} is neither a file nor a link nor a directory`);
  if (![0o444, 0o555].includes(mode & 0o7777)) suspects.push(`the mode of ${path} was changed`);
  const digest = digests.get(what) ?? (await hashFile(at));
  digests.set(what, digest);
  if (pool.get(what) !== digest) suspects.push(`${path} has other content than when it was staged`);
  return { path, kind: 'file', digest, size, executable: (mode & 0o111) !== 0 };
};

