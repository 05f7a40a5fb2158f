/**
 * Policies for tests: a small one that is in order, changed in one place.
 *
 * @module
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { loadPolicy } from '../../policy/load.ts';
import type { Policy } from '../../policy/types.ts';
import { temporaryDirectory } from '../fixtures/temporary.ts';

export const smallest = {
  serial: 1,
  mechanisms: ['krb5', 'ssh'],
  identities: [
    { id: 'realm', principal: 'krb5:{user}@CORP', committer: '{user}' },
    { id: 'keys', principal: 'ssh:{user}', committer: '{user}' },
  ],
  committers: { sources: [{ id: 'trunk', kind: 'list', file: 'committers' }] },
  rules: [{ id: 'everyday', effect: 'allow', who: ['*'] }],
};

/** Loads `smallest` with some parts replaced; alice, bob and carol may commit. */
export const load = async (
  t: ExecutionContext,
  parts: object = {},
  files: Readonly<Record<string, string>> = { committers: 'alice\nbob\ncarol\n' },
): Promise<Policy> => {
  const directory = await temporaryDirectory(t);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
  writeFileSync(join(directory, 'policy.jsonc'), JSON.stringify({ ...smallest, ...parts }, undefined, 2));
  return loadPolicy(join(directory, 'policy.jsonc'));
};
