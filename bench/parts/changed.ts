/**
 * What travels when a header that most files include has changed by a line: counted on the wire, TLS and all, beside the size of the
 * preprocessed text, which tools that preprocess on the client have to send.
 *
 * @module
 */
import { join } from 'node:path';
import { readdir, stat } from 'node:fs/promises';
import { plain } from '../contenders/contender.ts';
import { Link, unlimited } from '../link.ts';
import { build } from '../measure.ts';
import { changeHeader, layOut, type Project } from '../projects.ts';
import type { Context } from './part.ts';

const projects = ['lua', 'redis', 're2'];

/** Mean size of what the preprocessor makes of a file. */
const preprocessedBytes = async (project: Project, jobs: number): Promise<number> => {
  await build(project, { ...plain, command: (compiler) => `${compiler} -E` }, 'text', jobs);
  const out = join(project.directory, 'out');
  const sizes = await Promise.all((await readdir(out)).map(async (name) => (await stat(join(out, name))).size));
  return sizes.reduce((sum, size) => sum + size, 0) / sizes.length;
};

export const measureChanged = async ({ contenders, results, place, jobs, say }: Context): Promise<void> => {
  const farm = await contenders.get('cert');
  const link = await Link.open(farm.port, unlimited);
  try {
    for (const name of projects) {
      const project = await layOut(name, place);
      const text = await preprocessedBytes(project, jobs);
      const client = await farm.another(`changed-${name}`, `127.0.0.1:${link.port}`);
      try {
        await build(project, client, 'changed', jobs);
        await changeHeader(project);
        await client.counts.zero();
        const before = link.sent;
        await build(project, client, 'changed', jobs);
        const counts = await client.counts.read();
        const bytes = (link.sent - before) / counts.remote;
        say(`${name}: ${counts.remote} jobs sent ${bytes.toFixed(0)} bytes each; preprocessed they have ${text.toFixed(0)}`);
        results.add('sent', name, 'wardcc, cert', [(100 * bytes) / text], { counts });
      } finally {
        await client.end();
      }
    }
  } finally {
    await link.close();
  }
};
