/**
 * The list of revoked SSH keys in force. A list that changes on disk is taken whole or not at all.
 *
 * What always holds: a list that says when it was made is replaced by none that is older, or that does not say so: an empty file is a list
 * of no keys, and what a program that writes anew leaves for a moment.
 *
 * @module
 */
import { RevokedKeys } from '../../certs/openssh/revoked-keys.ts';
import { readGuardedSync } from '../../policy/guarded-read.ts';
import { WardError } from '../../protocol/errors.ts';

const maxBytes = 64 * 2 ** 20;

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

  /** Reads it again. @throws WardError `config-invalid` for a broken or older one, and keeps the last good one */
  reload(): void {
    const next = this.#read();
    const { generated } = this.#current;
    if (generated !== undefined && (next.generated ?? -1n) < generated) {
      const sentence = `${this.#file}: this list of revoked SSH keys is older than the one in force, or does not say when it was made.`;
      throw new WardError('config-invalid', sentence, { at: this.#file });
    }
    this.#current = next;
  }

  #read(): RevokedKeys {
    const bytes = readGuardedSync(this.#file, { maxBytes });
    try {
      return new RevokedKeys(bytes);
    } catch (thrown) {
      throw new WardError('config-invalid', (thrown as Error).message, { at: this.#file, cause: thrown });
    }
  }
}
