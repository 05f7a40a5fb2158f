/**
 * The stager: a process that lives only while the server starts. It asks each configured compiler what it is made of, lays
 * it out under its digest, and writes the list. It runs compilers (to ask them where their parts are), so it is no part of
 * the supervisor.
 *
 * @module
 */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cleanText } from '../../protocol/alert.ts';
import { readConfigurationLine, whenParentGone } from '../ipc/child.ts';
import type { StageFiles } from './index-file.ts';
import { stageCompilers } from './registry.ts';

interface Configuration extends Pick<StageFiles, 'directory' | 'stages' | 'index'> {
  readonly compilers: readonly string[];
}

const { compilers, directory, stages, index }: Configuration = await readConfigurationLine();
whenParentGone(() => process.exit(1));
try {
  mkdirSync(directory, { recursive: true, mode: 0o755 });
  const { staged, excluded } = await stageCompilers(compilers, { stages, cacheDir: join(directory, 'descriptions') });
  for (const { name, reason } of excluded) process.stderr.write(`wardccd: ${name} is not offered: ${reason}\n`);
  writeFileSync(`${index}.new`, JSON.stringify(staged));
  renameSync(`${index}.new`, index);
} catch (error) {
  process.stderr.write(`wardccd: ${cleanText((error as Error).message)}\n`);
}
// Node may wait for ever for its worker threads when it exits (nodejs/node#54918). The list says that all is written, not the exit status.
process.kill(process.pid, 'SIGKILL');
