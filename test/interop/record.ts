/**
 * record.ts [DIRECTORY]: takes the results of a run from the directory's `results/COLUMN.tap` into docs/results/interop.json, and
 * makes the table of docs/interop.md anew. Without a directory it makes only the table.
 *
 * @module
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../ctl/dev/command.ts';
import { columns, merge, pageWith, readTap, type Results, type Row } from './table.ts';

const root = new URL('../../', import.meta.url);
const json = new URL('docs/results/interop.json', root);
const page = new URL('docs/interop.md', root);

const record = async (directory: string): Promise<void> => {
  const reasons = JSON.parse(readFileSync(new URL('not-possible.json', import.meta.url), 'utf8')) as Results['reasons'];
  let rows: readonly Row[] = existsSync(json) ? (JSON.parse(readFileSync(json, 'utf8')) as Results).rows : [];
  // Rows that a later column alone has run must be there before an earlier one says that it cannot.
  for (const _ of [1, 2]) {
    for (const column of Object.keys(columns)) {
      const tap = join(directory, 'results', `${column}.tap`);
      if (existsSync(tap)) rows = merge(rows, column, readTap(readFileSync(tap, 'utf8')), reasons[column] ?? {});
    }
  }
  const version = (name: string): string => readFileSync(join(directory, name, 'version'), 'utf8').trim();
  const installed = await run('dpkg-query', ['-W', '-f', '${Version}', 'krb5-kdc']);
  const versions = { MIT: installed, Heimdal: version('heimdal'), Samba: version('samba'), Node: process.versions.node };
  const results: Results = { date: new Date().toISOString().slice(0, 10), versions, rows, reasons };
  mkdirSync(new URL('.', json), { recursive: true });
  writeFileSync(json, `${JSON.stringify(results, null, 2)}\n`);
};

if (process.argv[2] !== undefined) await record(process.argv[2]);
writeFileSync(page, pageWith(readFileSync(page, 'utf8'), JSON.parse(readFileSync(json, 'utf8')) as Results));
