/**
 * The agent: one process for each user, configuration and file system. It starts when the first launcher finds none, does what is
 * too slow to do in every launcher, and leaves after ten idle minutes.
 *
 * Started with a clean environment, `/` as directory, no descriptors but the lock that its launcher took, and `--disable-sigusr1`:
 * nothing of the build that happened to start it remains.
 *
 * @module
 */
import { parseArgs } from 'node:util';
import { runAgent } from './agent.ts';
import { runJob } from './job.ts';
import { buildId } from './place.ts';
import { createServices } from './services.ts';

const readOptions = (): { readonly 'idle-ms': string; readonly 'build-id'?: string; readonly 'only-load': boolean } => parseArgs({
  options: {
    /** Milliseconds without a connection after which the agent leaves. */
    'idle-ms': { type: 'string', default: String(10 * 60 * 1000) },
    /** Name of the build that launchers were compiled with. */
    'build-id': { type: 'string' },
    /** Leave when all is loaded: node keeps the code that it has compiled. */
    'only-load': { type: 'boolean', default: false },
  },
}).values;

/** Runs the agent that the command line asks for, and the process exits from inside; or has only loaded it. */
export const start = async (): Promise<void> => {
  try {
    const options = readOptions();
    if (options['only-load']) return;
    await runAgent({ build: options['build-id'] ?? buildId(), idleMs: Number(options['idle-ms']), runJob, createServices });
  } catch (error) {
    process.stderr.write(`wardcc-agent: ${(error as Error).message}\n`);
    process.exitCode = 1;
  }
};
