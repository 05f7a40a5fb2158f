/**
 * Committer source of kind `allowed-signers`: whose signature would count now, according to OpenSSH's list of allowed signers.
 * For a project where every commit is signed, that is who may commit.
 *
 * @module
 */
import { createHash } from 'node:crypto';
import { decodeText, readBounded, type ReadFile } from '../../jsonc.ts';
import type { CommitterReader, Membership } from '../source.ts';
import { admits, parseAllowedSigners } from './allowed-signers.ts';
import { literalNames } from './pattern-list.ts';

export interface AllowedSignersOptions {
  readonly file: string;
  /** What the signature is for; git uses `git`. */
  readonly namespace?: string;
}

/** A reader for `CommitterSource`. The time counts at each question, so a right ends when its line says, not when the file is read. */
export const allowedSignersReader = (
  { file, namespace = 'git' }: AllowedSignersOptions, readFile: ReadFile = readBounded,
): CommitterReader => ({
  kind: 'allowed-signers',
  files: [file],
  async read(): Promise<Membership> {
    const bytes = await readFile(file);
    const signers = parseAllowedSigners(decodeText(bytes, file), file);
    const has = (principal: string): boolean => {
      const question = { principal, namespace, time: Date.now() };
      return principal !== '' && signers.some((signer) => admits(signer, question));
    };
    // A line admits through its last millisecond.
    const turns = signers.flatMap(({ validAfter, validBefore }) => [validAfter, validBefore === undefined ? undefined : validBefore + 1])
      .filter((turn) => turn !== undefined).sort((a, b) => a - b);
    const literal = signers.map(({ principals }) => literalNames(principals));
    return {
      revision: createHash('sha256').update(bytes).digest('hex').slice(0, 16),
      has,
      nextChange: (now) => turns.find((turn) => turn > now),
      get names() {
        if (literal.includes(undefined)) return undefined;
        return [...new Set(literal.flatMap((list) => list ?? []))].filter(has).sort();
      },
    };
  },
});
