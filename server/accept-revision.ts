/**
 * `wardccd accept-revision --config FILE SOURCE REVISION`: an administrator's word that a committer source went back on purpose. It
 * names the very revision, so that nothing else is accepted by it; a running server sees it within seconds, a stopped one when it
 * starts.
 *
 * @module
 */
import { rename, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { toWardError, WardError } from '../protocol/errors.ts';
import { loadServerConfig } from './config.ts';
import { acceptanceFile } from './front/revision-memory.ts';

const usage = 'usage: wardccd accept-revision --config FILE SOURCE REVISION\n';
const sourceId = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const revisionName = /^[\x21-\x7e]{1,256}$/;

/** Exit status 0, or 1 when nothing was accepted. */
export const runAcceptRevision = async (args: readonly string[]): Promise<number> => {
  const { values, positionals: [source = '', revision = '', ...rest] } = parseArgs({
    args: [...args], options: { config: { type: 'string', short: 'c' } }, allowPositionals: true, strict: true,
  });
  if (values.config === undefined || rest.length > 0 || !sourceId.test(source) || !revisionName.test(revision)) {
    process.stderr.write(usage);
    return 1;
  }
  const { state } = await loadServerConfig(values.config);
  const file = acceptanceFile(state, source);
  try {
    await writeFile(`${file}.new`, `${revision}\n`, { mode: 0o644 });
    await rename(`${file}.new`, file);
  } catch (thrown) {
    throw new WardError('usage', `${file} cannot be written: ${toWardError(thrown).message}`, { at: file, cause: thrown });
  }
  process.stdout.write(`The revision ${revision} of the committer source ${source} is accepted, also if it is older.\n`);
  return 0;
};
