/**
 * What clients of a throwaway farm need: their configuration, `env.sh`, and the programs on PATH.
 *
 * @module
 */
import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { FarmRecord } from './farm-record.ts';
import { clientText, environmentText } from './files.ts';
import { programs, type FarmLayout } from './layout.ts';

export interface ClientFiles {
  readonly mechanism: FarmRecord['mechanism'];
  readonly hosts: readonly string[];
  readonly farmKey: string;
  /** What env.sh exports beside the usual. */
  readonly environment: Readonly<Record<string, string>> | undefined;
}

/** A configuration for each person; the farm's own is that of the first. */
export const writeClients = async (layout: FarmLayout, people: readonly string[], { mechanism, hosts, farmKey, environment }: ClientFiles): Promise<void> => {
  for (const id of people) await writeFile(join(layout.people, id, 'client.jsonc'), clientText({ mechanism, hosts, farmKey, trust: '../../trust', person: '' }), { mode: 0o600 });
  await writeFile(layout.client, clientText({ mechanism, hosts, farmKey, trust: 'trust', person: `people/${people[0]}/` }), { mode: 0o600 });
  await writeFile(layout.environment, environmentText(layout, environment));
  await chmod(layout.environment, 0o644);
};

/** Puts the programs into the farm's `bin`. */
export const linkPrograms = async (layout: FarmLayout): Promise<void> => {
  await mkdir(layout.bin, { recursive: true, mode: 0o755 });
  for (const program of ['wardcc', 'wardctl', 'wardccd']) {
    await symlink(join(programs, program), join(layout.bin, program)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
};
