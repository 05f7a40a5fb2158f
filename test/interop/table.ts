/**
 * What a run of the interop tests said, and the table of docs/interop.md that is made of it.
 *
 * @module
 */

export type Outcome = 'passed' | 'failed' | 'not possible';

export interface Row {
  /** Test file without its ending. */
  readonly file: string;
  readonly title: string;
  /** By column; a column that has none did not run the row. */
  readonly outcomes: Readonly<Record<string, Outcome>>;
}

export interface Results {
  readonly date: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly rows: readonly Row[];
  /** Why a row is not possible: column, then title. */
  readonly reasons: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

export const columns = Object.freeze({ mit: 'MIT', heimdal: 'Heimdal', 'heimdal-kinit': 'Heimdal, Heimdal\'s kinit', samba: 'Samba AD' });

const begin = '<!-- table: test/interop/record.ts writes it from docs/results/interop.json -->';
const end = '<!-- end of table -->';

/** Rows of one column from what ava's TAP reporter wrote. */
export const readTap = (tap: string): readonly { readonly file: string; readonly title: string; readonly outcome: Outcome }[] =>
  [...tap.matchAll(/^(ok|not ok) \d+ - (?:\S+ › )*(\S+) › ([^›]*?)(?: # .*)?$/gm)].map(([, verdict, file, title]) => ({
    file: file!, title: title!, outcome: verdict === 'ok' ? 'passed' : 'failed',
  }));

type Found = ReturnType<typeof readTap>;

const without = ({ outcomes, ...row }: Row, column: string): Row =>
  ({ ...row, outcomes: Object.fromEntries(Object.entries(outcomes).filter(([name]) => name !== column)) });

/** Puts one column into what is known; what other columns said stays. */
export const merge = (rows: readonly Row[], column: string, found: Found, reasons: Readonly<Record<string, string>>): Row[] => {
  const merged = new Map(rows.map((row) => [row.title, without(row, column)] as const));
  for (const { file, title, outcome } of found) {
    merged.set(title, { file, title, outcomes: { ...merged.get(title)?.outcomes, [column]: outcome } });
  }
  for (const title of Object.keys(reasons)) {
    const row = merged.get(title);
    if (row !== undefined) merged.set(title, { ...row, outcomes: { ...row.outcomes, [column]: 'not possible' } });
  }
  return [...merged.values()].filter((row) => Object.keys(row.outcomes).length > 0);
};

const order = ['truth-table', 'times', 'attacks', 'weak-keys', 'active-directory'];

const tableOf = ({ date, versions, rows, reasons }: Results): string => {
  const names = Object.keys(columns) as (keyof typeof columns)[];
  const notes: string[] = [];
  const cell = (row: Row, column: string): string => {
    const outcome = row.outcomes[column];
    if (outcome !== 'not possible') return outcome === 'failed' ? '**failed**' : outcome ?? '–';
    notes.push(`${columns[column as keyof typeof columns]}, “${row.title}”: ${reasons[column]?.[row.title] ?? 'no reason is known'}.`);
    return `not possible (${notes.length})`;
  };
  const sorted = [...rows].sort((a, b) => order.indexOf(a.file) - order.indexOf(b.file));
  const lines = sorted.map((row) => `| ${row.title.replaceAll('|', '\\|')} | ${names.map((column) => cell(row, column)).join(' | ')} |`);
  const count = (column: string, outcome: Outcome): number => rows.filter((row) => row.outcomes[column] === outcome).length;
  const outcomes = ['passed', 'failed', 'not possible'] as const;
  const totals = names.map((column) => outcomes.map((outcome) => `${count(column, outcome)} ${outcome}`).join(', '));
  return [
    `Run of ${date}. ${Object.entries(versions).map(([name, version]) => `${name} ${version}`).join(', ')}.`,
    '',
    `| row | ${names.map((name) => columns[name]).join(' | ')} |`,
    `|---|${names.map(() => '---').join('|')}|`,
    ...lines,
    `| **in all** | ${totals.join(' | ')} |`,
    '',
    'Not possible here:',
    '',
    ...notes.map((note, index) => `${index + 1}. ${note}`),
  ].join('\n');
};

/** The page with its table made anew. */
export const pageWith = (page: string, results: Results): string => {
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from < 0 || to < from) throw new TypeError('docs/interop.md has lost the marks around its table');
  return `${page.slice(0, from)}${begin}\n\n${tableOf(results)}\n\n${page.slice(to)}`;
};
