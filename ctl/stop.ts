/**
 * `wardctl stop`: ends this user's agent. Jobs that are under way are compiled locally; the next job starts a new agent.
 *
 * @module
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Command } from 'commander';
import { askAgent } from '../client/agent/client.ts';
import { print } from './output.ts';

/** A connection that breaks off is an agent that is leaving: asked again, it's gone. */
const isThere = (): Promise<boolean> => askAgent({ command: 'stats' }).then((answer) => answer !== undefined, () => true);

export const stopCommand = (): Command =>
  new Command('stop').description('end your agent').action(async () => {
    if ((await askAgent({ command: 'stop' })) === undefined) return print('No agent is running.');
    for (let round = 0; round < 100 && (await isThere()); round++) await sleep(20);
  });
