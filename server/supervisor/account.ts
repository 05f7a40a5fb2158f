/**
 * Numbers of accounts. Asked of `id`, which knows every source of accounts that the machine has.
 *
 * @module
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { WardError } from '../../protocol/errors.ts';

const execute = promisify(execFile);

export interface Account {
  readonly uid: number;
  /** Of the primary group. */
  readonly gid: number;
}

/** The numbers of an account. @throws WardError `config-invalid` when there is none of that name */
export const accountOf = async (name: string): Promise<Account> => {
  const ask = async (what: string): Promise<number> => Number((await execute('/usr/bin/id', [what, '--', name], { env: { LC_ALL: 'C' }, timeout: 10_000 })).stdout);
  try {
    return { uid: await ask('-u'), gid: await ask('-g') };
  } catch (cause) {
    throw new WardError('config-invalid', `This machine has no account ${name}, which server.jsonc names.`, { cause });
  }
};
