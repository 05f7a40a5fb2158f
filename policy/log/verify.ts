/**
 * Verifies a log directory, live or copied: every line by itself, and each against the one before it, across all files.
 *
 * Finds any changed bit, and any line that was removed, added or moved. The last lines cut off cleanly are found only with a checkpoint,
 * which names a sequence number and its hash. An incomplete last line is what a live log or a crash looks like: it is said, and is no
 * finding.
 *
 * @module
 */
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { WardError } from '../../protocol/errors.ts';
import { chainStart, firstSeqOf, isTornLine, maxLineBytes, parseLine, type ChainEnd } from './record.ts';

export interface LogFinding {
  /** Directory as given, and the name in it. */
  readonly file: string;
  /** From 1; 0 is about the file as a whole. */
  readonly line: number;
  readonly message: string;
}

export interface LogReport {
  readonly ok: boolean;
  readonly records: number;
  readonly files: number;
  readonly first: ChainEnd | undefined;
  readonly last: ChainEnd | undefined;
  /** At most `maxFindings`; verification goes on after one as well as it can. */
  readonly findings: readonly LogFinding[];
  readonly notes: readonly string[];
}

export interface VerifyOptions {
  /** A record that must be there, from a checkpoint that was verified. */
  readonly checkpoint?: ChainEnd;
  /** Old files were removed on purpose: the log may begin later than with record 1. */
  readonly retained?: boolean;
  /** Called with each good line's JSON text. */
  readonly onRecord?: (text: string, file: string, line: number) => void;
}

const maxFindings = 100;

/** Verifies `directory`. Throws `config-invalid` if it can't be read or holds no log. */
export const verifyLog = async (directory: string, options: VerifyOptions = {}): Promise<LogReport> => {
  const names = await listLogFiles(directory);
  const findings: LogFinding[] = [];
  const notes: string[] = [];
  const complain = (file: string, line: number, message: string) => {
    if (findings.length < maxFindings) findings.push({ file, line, message });
  };
  let first: ChainEnd | undefined;
  let end: ChainEnd | undefined;
  // After a line that can't be read, the next good one is taken at its word, so that one mistake is told once.
  let lost = false;
  let records = 0;
  let checkpointSeen: string | undefined;

  for (const [index, name] of names.entries()) {
    const file = join(directory, name);
    const named = firstSeqOf(name)!;
    let line = 0;
    for await (const { bytes, complete } of readLines(file)) {
      line += 1;
      if (!complete && index === names.length - 1 && isTornLine(bytes, end ?? chainStart)) {
        notes.push(`${file}:${line}: the last line is incomplete (${bytes.length} bytes): it is being written, or was torn by a crash`);
        break;
      }
      const parsed = complete ? parseLine(bytes) : 'the line end is missing or was changed';
      if (typeof parsed === 'string') {
        complain(file, line, parsed);
        lost = true;
        continue;
      }
      const before: ChainEnd = end ?? (options.retained === true ? { seq: parsed.seq - 1, hash: parsed.prev } : chainStart);
      if (!lost && parsed.seq !== before.seq + 1)
        complain(file, line, `record ${before.seq + 1} is missing: record ${parsed.seq} stands in its place`);
      else if (!lost && parsed.prev !== before.hash)
        complain(file, line, `record ${parsed.seq} does not follow record ${before.seq} as it stands here`);
      if (line === 1 && parsed.seq !== named) complain(file, 1, `the file begins with record ${parsed.seq}, and its name says ${named}`);
      lost = false;
      end = { seq: parsed.seq, hash: parsed.hash };
      first ??= end;
      records += 1;
      if (options.checkpoint?.seq === parsed.seq) checkpointSeen = parsed.hash;
      options.onRecord?.(parsed.text, file, line);
    }
    if (line === 0 && index < names.length - 1) complain(file, 0, 'the file is empty, and another follows');
  }
  checkAgainstCheckpoint(directory, options.checkpoint, checkpointSeen, end, complain);
  if (options.checkpoint === undefined) notes.push('without a checkpoint, it cannot be seen whether the last records were cut off');
  if (first !== undefined && first.seq > 1 && options.retained === true)
    notes.push(`the log begins with record ${first.seq}: what was before is not here`);
  return { ok: findings.length === 0, records, files: names.length, first, last: end, findings, notes };
};

const checkAgainstCheckpoint = (
  directory: string,
  checkpoint: ChainEnd | undefined,
  seen: string | undefined,
  end: ChainEnd | undefined,
  complain: (file: string, line: number, message: string) => void,
) => {
  if (checkpoint === undefined || seen === checkpoint.hash) return;
  if (seen !== undefined)
    complain(directory, 0, `record ${checkpoint.seq} is not the one that the checkpoint names: the log was rewritten`);
  else if ((end?.seq ?? 0) < checkpoint.seq)
    complain(
      directory,
      0,
      `the log ends with record ${end?.seq ?? 0}, but the checkpoint knows record ${checkpoint.seq}: its tail was cut off`,
    );
  else complain(directory, 0, `record ${checkpoint.seq}, which the checkpoint names, is not here`);
};

/** The logs in a directory: its own, and those of the directories in it, which are other servers'. Throws `config-invalid`. */
export const listLogs = async (directory: string): Promise<string[]> => {
  const entries = await readdir(directory, { withFileTypes: true }).catch((cause: NodeJS.ErrnoException) => {
    throw unreadable(directory, cause);
  });
  const candidates = [
    directory,
    ...entries
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => join(directory, name))
      .sort(),
  ];
  const logs: string[] = [];
  for (const candidate of candidates) {
    if ((await readdir(candidate).catch(() => [])).some((name) => name.endsWith('.jsonl'))) logs.push(candidate);
  }
  return logs.length > 0 ? logs : [directory];
};

const unreadable = (path: string, cause: NodeJS.ErrnoException): WardError =>
  new WardError('config-invalid', `${path}: this cannot be read (${cause.code ?? cause.message})`, { at: path, cause });

/** Names of the log files in a directory, in the order of their records. Throws `config-invalid`. */
export const listLogFiles = async (directory: string): Promise<string[]> => {
  const names = await readdir(directory).catch((cause: NodeJS.ErrnoException) => {
    throw unreadable(directory, cause);
  });
  const logs = names.filter((name) => name.endsWith('.jsonl')).sort();
  const stranger = logs.find((name) => firstSeqOf(name) === undefined);
  if (stranger !== undefined)
    throw new WardError('config-invalid', `${join(directory, stranger)}: this is not the name of a log file`, { at: directory });
  if (logs.length === 0) throw new WardError('config-invalid', `${directory}: there is no log in this directory`, { at: directory });
  return logs;
};

/** The lines of a file; `complete`: it ended with a line end. A line beyond the limit is cut and given as incomplete. */
export async function* readLines(file: string): AsyncGenerator<{ bytes: Buffer; complete: boolean }> {
  const handle = await open(file, 'r').catch((cause: NodeJS.ErrnoException) => {
    throw unreadable(file, cause);
  });
  try {
    let rest: Buffer = Buffer.alloc(0);
    const chunk = Buffer.allocUnsafe(256 * 1024);
    for (;;) {
      const { bytesRead } = await handle.read(chunk, 0, chunk.length, null);
      if (bytesRead === 0) break;
      let bytes = Buffer.concat([rest, chunk.subarray(0, bytesRead)]);
      for (let end = bytes.indexOf(10); end !== -1; end = bytes.indexOf(10)) {
        yield { bytes: bytes.subarray(0, end), complete: true };
        bytes = bytes.subarray(end + 1);
      }
      if (bytes.length > maxLineBytes) {
        yield { bytes, complete: false };
        bytes = Buffer.alloc(0);
      }
      rest = bytes;
    }
    if (rest.length > 0) yield { bytes: rest, complete: false };
  } finally {
    await handle.close();
  }
}
