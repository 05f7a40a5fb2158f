/**
 * The command line of `wardccd doctor [--config FILE] [--json]`.
 *
 * @module
 */
import { parseArgs } from 'node:util';
import { WardError } from '../../protocol/errors.ts';
import { doctor } from './doctor.ts';

/** Returns the exit status. @throws WardError `usage` */
export const runDoctor = (args: readonly string[]): Promise<number> => {
  const { config, json } = parse(args);
  // Nobody reads any more (`| head`): the examination still ends in order, and leaves nothing behind.
  process.stdout.on('error', () => {});
  const stopping = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => stopping.abort());
  return doctor({ config, json: json ?? false, write: (text) => void process.stdout.write(text), signal: stopping.signal });
};

const parse = (args: readonly string[]): { config?: string | undefined; json?: boolean | undefined } => {
  try {
    return parseArgs({ args: [...args], options: { config: { type: 'string', short: 'c' }, json: { type: 'boolean' } }, strict: true })
      .values;
  } catch (cause) {
    throw new WardError('usage', `${(cause as Error).message}\nusage: wardccd doctor [--config FILE] [--json]`, { cause });
  }
};
