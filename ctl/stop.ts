/**
 * `wardctl stop`: ends this user's agent. Jobs that are under way are compiled locally; the next job starts a new agent.
 *
 * @module
 */
import { Command } from 'commander';
import { askAgent } from '../client/agent/client.ts';
import { print } from './output.ts';

export const stopCommand = (): Command =>
  new Command('stop').description('end your agent').action(async () => {
    if ((await askAgent({ command: 'stop' })) === undefined) print('No agent is running.');
  });
