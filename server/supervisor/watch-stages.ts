/**
 * The schedule on which all that was staged is hashed again, for as long as a server runs.
 *
 * What always holds: a toolchain that was found damaged is withdrawn and stays so until the server starts again, which stages it anew; and
 * no server goes on that can't have its toolchains checked.
 *
 * @module
 */
import { renameSync, writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { toWardError, WardError } from '../../protocol/errors.ts';
import type { ServerConfig } from '../config.ts';
import { stageFiles, type WithdrawnToolchain } from '../toolchains/index-file.ts';
import { checkToolchains, type Staged } from './stage.ts';

/** After a check that did not come to its end. */
const soonMs = 60_000;
const mostFailures = 3;

/**
 * Returns when the signal fires, or nothing is left to check.
 *
 * @param withdraw told of the toolchains that are not to be used any more
 * @throws WardError `internal` after three checks in a row that did not come to their end
 */
export async function watchStages(
  { state, rehashMinutes }: Pick<ServerConfig, 'state' | 'rehashMinutes'>, { compilers, hashedAt }: Staged,
  withdraw: (toolchains: readonly WithdrawnToolchain[]) => void, signal: AbortSignal,
): Promise<void> {
  const everyMs = rehashMinutes * 60_000;
  let left = compilers;
  let goodAt = hashedAt;
  let withdrawn: readonly WithdrawnToolchain[] = [];
  for (let failures = 0; left.length > 0; ) {
    await pause(failures === 0 ? everyMs : Math.min(soonMs, everyMs), undefined, { signal }).catch(() => {});
    if (signal.aborted) return;
    const beganAt = Date.now();
    try {
      const damaged = await checkToolchains(state, left, signal);
      failures = 0;
      if (damaged.length > 0) {
        const found = damaged.map(({ digest, name, damage }) => ({ digest, name, message: sentence(name, damage, goodAt) }));
        withdraw(found);
        withdrawn = [...withdrawn, ...found];
        remember(stageFiles(state).withdrawn, withdrawn);
        left = left.filter(({ digest }) => !damaged.some((one) => one.digest === digest));
      }
      goodAt = beganAt;
    } catch (thrown) {
      if (signal.aborted) return;
      const { message } = toWardError(thrown);
      if (++failures === mostFailures) throw new WardError('internal', message, { cause: thrown });
      process.stderr.write(`wardccd: ${message}\n`);
    }
  }
}

/** Before the last good check began everything was well; from then on nobody knows. */
const sentence = (name: string, damage: string, goodAt: number): string =>
  `The staged compiler ${name} is not what it was: ${damage}. It is withdrawn; what it made since ${new Date(goodAt).toISOString()} may be wrong.`;

/** For `doctor`. A full disk must not keep a toolchain in use: it was withdrawn before. */
const remember = (file: string, withdrawn: readonly WithdrawnToolchain[]): void => {
  try {
    writeFileSync(`${file}.new`, JSON.stringify(withdrawn), { mode: 0o600 });
    renameSync(`${file}.new`, file);
  } catch (error) {
    process.stderr.write(`wardccd: doctor will not know of withdrawn compilers: ${(error as Error).message}\n`);
  }
};
