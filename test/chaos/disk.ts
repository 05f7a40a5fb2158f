/**
 * A small disk for one directory: a tmpfs that can be filled to the last byte, and emptied again.
 *
 * @module
 */
import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../../ctl/dev/command.ts';
import type { Account } from '../../ctl/dev/stage.ts';

const block = Buffer.alloc(1 << 20);

export class Disk {
  readonly directory: string;

  private constructor(directory: string) {
    this.directory = directory;
  }

  /** Mounts one over a directory, which is made if need be; it belongs to the account. */
  static async mount(directory: string, megabytes: number, { uid, gid }: Pick<Account, 'uid' | 'gid'>): Promise<Disk> {
    await mkdir(directory, { recursive: true });
    await run('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=0700,uid=${uid},gid=${gid}`, 'wardcc-chaos', directory]);
    return new Disk(directory);
  }

  /** Leaves room for nothing. */
  fill(): void {
    const file = openSync(this.#ballast, 'a', 0o600);
    try {
      for (let size = block.length; size >= 1;) {
        try {
          writeSync(file, block, 0, size);
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
          size = Math.floor(size / 16);
        }
      }
    } finally {
      closeSync(file);
    }
  }

  /** Nothing is in the way any more. */
  clear(): void {
    rmSync(this.#ballast, { force: true });
  }

  async unmount(): Promise<void> {
    await run('umount', [this.directory]);
  }

  get #ballast(): string {
    return join(this.directory, 'ballast');
  }
}
