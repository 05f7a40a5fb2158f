/**
 * The list of revoked SSH keys in force. A list that changes on disk is taken whole or not at all.
 *
 * @module
 */
import { readFileSync } from 'node:fs';
import { RevokedKeys } from '../../certs/openssh/revoked-keys.ts';
import { WardError } from '../../protocol/errors.ts';

export class SshRevocations {
  readonly #file: string;
  #current: RevokedKeys;

  /** @throws WardError `config-invalid`: without the list that it is to have, a server does not start */
  constructor(file: string) {
    this.#file = file;
    this.#current = this.#read();
  }

  get current(): RevokedKeys {
    return this.#current;
  }

  /** Reads it again. @throws WardError `config-invalid`, and keeps the last good one */
  reload(): void {
    this.#current = this.#read();
  }

  #read(): RevokedKeys {
    let bytes: Buffer;
    try {
      bytes = readFileSync(this.#file);
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException;
      const sentence = `The list of revoked SSH keys ${this.#file} cannot be read (${code}).`;
      throw new WardError('config-invalid', sentence, { at: this.#file, cause });
    }
    try {
      return new RevokedKeys(bytes);
    } catch (thrown) {
      throw new WardError('config-invalid', (thrown as Error).message, { at: this.#file, cause: thrown });
    }
  }
}
