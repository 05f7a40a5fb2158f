/**
 * The table of attacks in SECURITY.md, made from the rows: `node test/attacks/table.ts` writes it anew.
 *
 * @module
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { attacks, casesOf } from './rows/index.ts';
import type { Attack, Family } from './types.ts';

export const securityFile = fileURLToPath(new URL('../../SECURITY.md', import.meta.url));

const begin = '<!-- attacks: made by test/attacks/table.ts -->';
const end = '<!-- end of attacks -->';

const cell = (text: string): string => text.replaceAll('\n', ' ').replaceAll(/[*_<>`\\|]/g, '\\$&');

const row = (
  { id, tries, compilers, wall }: Attack
): string => `| ${id} | ${cell(tries)} | ${compilers.join(', ')} | ${wall === 'blind' ? '' : `\`${wall}\``} |`;

/** Table by family; the last column is what the check of the command says by itself. */
export const attackTable = (): string => {
  const families = [...new Set(attacks.map(({ family }) => family))];
  const part = (family: Family): string => [
    `**${family[0]!.toUpperCase()}${family.slice(1)}**`, '', '| attack | what it tries | with | the check alone |', '|---|---|---|---|',
    ...attacks.filter((attack) => attack.family === family).map(row), '',
  ].join('\n');
  return `${begin}\n\n${attacks.length} attacks, ${casesOf(attacks).length} cases.\n\n${families.map(part).join('\n')}\n${end}`;
};

/** The document with its table as it should be. */
export const withTable = (document: string): string => {
  const from = document.indexOf(begin);
  const to = document.indexOf(end);
  if (from === -1 || to === -1) throw new Error('SECURITY.md has no place for the table');
  return document.slice(0, from) + attackTable() + document.slice(to + end.length);
};

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(securityFile, withTable(readFileSync(securityFile, 'utf8')));
