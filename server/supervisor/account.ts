/**
 * Numbers of accounts. Asked of `id`, which knows every source of accounts that the machine has.
 *
 * @module
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { WardError } from '../../protocol/errors.ts';

const execute = promisify(execFile);

/** The user id of an account. @throws WardError `config-invalid` when there is none of that name */
export const uidOf = async (account: string): Promise<number> => {
  try {
    const { stdout } = await execute('/usr/bin/id', ['-u', '--', account], { env: { LC_ALL: 'C' }, timeout: 10_000 });
    return Number(stdout);
  } catch (cause) {
    throw new WardError('config-invalid', `This machine has no account ${account}, which server.jsonc names.`, { cause });
  }
};
