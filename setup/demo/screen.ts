/**
 * What a person sees of the demonstration: steps as they happen, a table at the end.
 *
 * @module
 */
const live = process.stdout.isTTY;

const write = (text: string): void => {
  process.stdout.write(text);
};

/** A line about what happens now. */
export const step = (text: string): void => write(`${text}\n`);

/** A counter that stays on one line of a terminal, and speaks up every tenth time elsewhere. */
export const counter = (total: number): { count(what: string): void; end(text: string): void } => {
  let done = 0;
  const width = 28;
  return {
    count(what) {
      done++;
      const filled = Math.min(width, Math.round((width * done) / total));
      const bar = `  [${'#'.repeat(filled)}${'.'.repeat(width - filled)}] ${String(done).padStart(3)} of ${total}  ${what}`;
      if (live) write(`\r\x1b[K${bar}`);
      else if (done % 10 === 0 || done === total) write(`${bar}\n`);
    },
    end(text) {
      write(`${live ? '\r\x1b[K' : ''}  ${text}\n`);
    },
  };
};

/** Rows of a table: what was looked at, what was found, and whether that is as it must be. */
export interface Row {
  readonly what: string;
  readonly found: string;
  readonly good: boolean;
}

export const table = (title: string, rows: readonly Row[]): void => {
  const width = Math.max(...rows.map(({ what }) => what.length));
  write(`\n${title}\n${'-'.repeat(title.length)}\n`);
  for (const { what, found, good } of rows) write(`  ${good ? 'ok  ' : 'FAIL'}  ${what.padEnd(width)}  ${found}\n`);
};
