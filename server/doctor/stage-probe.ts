/**
 * What the server mounts into sandboxes, as it lies there now: each stage is hashed and held against the digest that is its name. What a
 * running server has withdrawn stays a failure until it has started again.
 *
 * @module
 */
import { existsSync, readFileSync } from 'node:fs';
import { checkStages } from '../toolchains/check-stage.ts';
import { stageFiles, type StageIndex, type WithdrawnToolchain } from '../toolchains/index-file.ts';
import { caution, fail, pass, type Finding } from './finding.ts';

const probe = 'staged toolchains';
const remedy = 'Find out who or what wrote there, or whether disk and memory are sound; raise the epoch in the farm file, which recalls results; start wardccd again, which stages it anew.';

const read = <T>(file: string): T => JSON.parse(readFileSync(file, 'utf8')) as T;

/** @param state the server's state directory */
export async function* probeStages(state: string): AsyncGenerator<Finding> {
  try {
    yield* examine(state);
  } catch (thrown) {
    yield fail(probe, (thrown as Error).message, 'Run this as the user that the server runs as; start wardccd again, which stages everything anew.');
  }
}

async function* examine(state: string): AsyncGenerator<Finding> {
  const { stages, index, withdrawn: withdrawnFile } = stageFiles(state);
  if (!existsSync(index)) return yield caution(probe, 'Nothing is staged yet.', 'wardccd stages the compilers when it starts.');
  const withdrawn = existsSync(withdrawnFile) ? read<WithdrawnToolchain[]>(withdrawnFile) : [];
  for (const { message } of withdrawn) yield fail(probe, message, remedy);
  const known = new Set(withdrawn.map(({ digest }) => digest));
  const staged = read<StageIndex>(index).filter(({ digest }) => !known.has(digest));
  const damaged = await checkStages(stages, staged);
  for (const { name, damage } of damaged) yield fail(probe, `The staged compiler ${name} is not what it was: ${damage}.`, remedy);
  if (damaged.length === 0 && withdrawn.length === 0) yield pass(probe, `all ${staged.length} are what their names stand for, byte for byte`);
}
