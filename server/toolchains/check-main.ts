/**
 * The checker: a process that lives only while it looks through the stages. It hashes every byte of what is mounted into sandboxes, mostly
 * in time that compilers leave, and leaves a list of the toolchains that are not what their names stand for.
 *
 * @module
 */
import { renameSync, writeFileSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import { readConfigurationLine, whenParentGone } from '../ipc/child.ts';
import { confine } from '../sandbox/confine.ts';
import { checkStages } from './check-stage.ts';
import type { StageFiles, StageIndex } from './index-file.ts';

interface Configuration extends Pick<StageFiles, 'stages' | 'check'> {
  readonly staged: StageIndex;
}

// Compilers come first; but the lowest priority of all would take minutes on a server with work for all its cores.
setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
confine();
const { staged, stages, check }: Configuration = await readConfigurationLine();
whenParentGone(() => process.exit(1));
writeFileSync(`${check}.new`, JSON.stringify(await checkStages(stages, staged)));
renameSync(`${check}.new`, check);
// Node may wait for ever for its worker threads when it exits (nodejs/node#54918). The list says that all was read, not the exit status.
process.kill(process.pid, 'SIGKILL');
