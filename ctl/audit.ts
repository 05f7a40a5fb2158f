/**
 * `wardctl audit`: verifies and searches a decision log. Exit status: 0 in order, 1 unreadable, 2 findings.
 *
 * @module
 */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { Command, Option } from 'commander';
import { readCheckpoint } from '../policy/log/checkpoint.ts';
import { eventTable, isEventName } from '../policy/log/events.ts';
import { readRecord, type LogRecord } from '../policy/log/record.ts';
import { listLogs, verifyLog, type LogReport, type VerifyOptions } from '../policy/log/verify.ts';
import { readBounded } from '../policy/jsonc.ts';
import { WardError } from '../protocol/errors.ts';
import { print, printable, printJson, table } from './output.ts';

const findingsStatus = 2;
const defaultLimit = 1000;

/** The sub-program `audit`. */
export const auditCommand = (): Command => {
  const command = new Command('audit').description('verify and search the decision log');
  for (const subcommand of [verify(), query()]) command.addCommand(subcommand);
  return command;
};

interface VerifyArguments {
  readonly checkpoint?: string;
  readonly key?: string;
  readonly retained?: boolean;
  readonly json?: boolean;
}

const verify = (): Command =>
  new Command('verify')
    .description('check every record of a log directory, live or copied, and the chain that holds them together')
    .argument('<directory>', 'directory with the *.jsonl files of a log, or with the logs of several servers')
    .option('--checkpoint <file>', 'a checkpoint that the keeper signed: without one, a tail that was cut off cannot be seen')
    .option('--key <file>', "the server's public result key in PEM, to check the checkpoint's signature")
    .option('--retained', 'old files were removed on purpose')
    .option('--json', 'print JSON')
    .action(async (directory: string, options: VerifyArguments) => {
      const directories = await listLogs(directory);
      const verifying = await verifyOptions(options);
      if (verifying.checkpoint !== undefined && directories.length > 1) {
        throw new WardError(
          'usage',
          `${directory} holds the logs of ${directories.length} servers: name the one that the checkpoint is for.`,
        );
      }
      const reports: (LogReport & { directory: string })[] = [];
      for (const each of directories) reports.push({ directory: each, ...(await verifyLog(each, verifying)) });
      const ok = reports.every((report) => report.ok);
      if (options.json !== true) for (const report of reports) printReport(report.directory, report);
      else printJson(reports.length === 1 ? reports[0] : { directory, ok, logs: reports });
      if (!ok) process.exitCode = findingsStatus;
    });

const verifyOptions = async ({ checkpoint, key, retained }: VerifyArguments): Promise<VerifyOptions> => {
  if (key !== undefined && checkpoint === undefined) throw new WardError('usage', '--key checks a checkpoint: name it with --checkpoint.');
  return {
    ...(checkpoint === undefined
      ? {}
      : { checkpoint: await readCheckpoint(checkpoint, key === undefined ? undefined : await readKey(key)) }),
    ...(retained === undefined ? {} : { retained }),
  };
};

const readKey = async (file: string): Promise<KeyObject> => {
  try {
    return createPublicKey(await readBounded(file));
  } catch (cause) {
    throw cause instanceof WardError
      ? cause
      : new WardError('config-invalid', `${file}: this is not a public key in PEM`, { at: file, cause });
  }
};

const printReport = (directory: string, { ok, records, files, first, last, findings, notes }: LogReport): void => {
  for (const { file, line, message } of findings) print(printable(line === 0 ? `${file}: ${message}` : `${file}:${line}: ${message}`));
  for (const note of notes) print(printable(`note: ${note}`));
  const range = first === undefined || last === undefined ? '' : `, ${first.seq} to ${last.seq}, last hash ${last.hash}`;
  print(
    printable(
      `${directory}: ${ok ? 'OK' : counted(findings.length)}, ${records} records in ${files} ${files === 1 ? 'file' : 'files'}${range}`,
    ),
  );
};

const counted = (findings: number): string => `${findings} ${findings === 1 ? 'finding' : 'findings'}`;

interface QueryArguments {
  readonly principal?: string;
  readonly committer?: string;
  readonly event?: string;
  readonly verdict?: string;
  readonly rule?: string;
  readonly reason?: string;
  readonly project?: string;
  readonly since?: string;
  readonly until?: string;
  readonly limit: string;
  readonly json?: boolean;
}

const query = (): Command =>
  new Command('query')
    .description('print the records that match, oldest first')
    .argument('<directory>', 'directory with the *.jsonl files of a log, or with the logs of several servers')
    .option('--principal <principal>', 'exactly this principal')
    .option('--committer <name>', 'exactly this committer')
    .option('--event <name>', 'event name or code, such as job.denied or WL201')
    .addOption(new Option('--verdict <verdict>', 'decisions of this kind').choices(['allow', 'deny']))
    .option('--rule <id>', 'decided by this rule')
    .option('--reason <code>', 'with this error code')
    .option('--project <name>', 'jobs for this project')
    .option('--since <time>', 'at or after this time, such as 2026-11-20T08:00Z')
    .option('--until <time>', 'before this time')
    .option('--limit <n>', 'the last n that match', String(defaultLimit))
    .option('--json', 'print the records as they stand in the log, one a line')
    .action(async (directory: string, options: QueryArguments) => {
      const matches = matcher(options);
      const limit = Number(options.limit);
      if (!Number.isSafeInteger(limit) || limit < 1) throw new WardError('usage', '--limit takes a number from 1.');
      const logs = await listLogs(directory);
      const found: Found[] = [];
      for (const log of logs) found.push(...(await search(log, matches, limit)));
      // One log has its own order; that of several is the order of their clocks.
      if (logs.length > 1) found.sort((a, b) => Date.parse(a.record.time) - Date.parse(b.record.time));
      const shown = found.slice(-limit);
      if (options.json === true) for (const { text } of shown) print(text);
      else if (shown.length > 0) print(table(shown.map(({ record }) => row(record).map(printable))));
    });

interface Found {
  readonly record: LogRecord;
  readonly text: string;
}

/** The last records of one log that match; says so when the log does not verify. */
const search = async (directory: string, matches: (record: LogRecord) => boolean, limit: number): Promise<Found[]> => {
  const found: Found[] = [];
  const report = await verifyLog(directory, {
    retained: true,
    onRecord: (text) => {
      const record = readRecord(text);
      if (record === undefined || !matches(record)) return;
      found.push({ record, text });
      if (found.length > 2 * limit) found.splice(0, found.length - limit);
    },
  });
  if (!report.ok) {
    process.stderr.write(`wardctl: ${directory}: this log does not verify (${counted(report.findings.length)}): wardctl audit verify\n`);
    process.exitCode = findingsStatus;
  }
  return found.slice(-limit);
};

const time = (text: string | undefined, option: string): number | undefined => {
  if (text === undefined) return undefined;
  const parsed = Date.parse(text);
  if (Number.isNaN(parsed)) throw new WardError('usage', `${option} takes a time such as 2026-11-20T08:00Z.`);
  return parsed;
};

const matcher = (options: QueryArguments): ((record: LogRecord) => boolean) => {
  const since = time(options.since, '--since');
  const until = time(options.until, '--until');
  const { event } = options;
  if (event !== undefined && !isEventName(event) && !Object.values(eventTable).some(({ code }) => code === event)) {
    throw new WardError('usage', `There is no event ${JSON.stringify(event)}: ${Object.keys(eventTable).join(', ')}.`);
  }
  const same = (wanted: string | undefined, value: string | undefined) => wanted === undefined || wanted === value;
  return (record) =>
    same(options.principal, record.principal) &&
    same(options.committer, record.committer) &&
    (event === undefined || record.event === event || record.code === event) &&
    same(options.verdict, record.verdict) &&
    same(options.rule, record.rule) &&
    same(options.reason, record.reason) &&
    same(options.project, record.request?.project) &&
    (since === undefined || Date.parse(record.time) >= since) &&
    (until === undefined || Date.parse(record.time) < until);
};

const row = (record: LogRecord): string[] => [
  String(record.seq),
  record.time,
  record.event,
  record.principal ?? '-',
  record.address ?? '-',
  record.rule ?? record.reason ?? '-',
  [record.request?.project, record.reason, record.of === undefined ? undefined : `of ${record.of}`, record.message]
    .filter((part) => part !== undefined)
    .join(' '),
];
