/**
 * Loading a policy: text, schema, meaning, and the committer sources it names. All of it, or an error with its position.
 *
 * @module
 */
import { createHash } from 'node:crypto';
import { dirname, isAbsolute, join } from 'node:path';
import { toWardError, type WardError } from '../protocol/errors.ts';
import { readerOf } from './committers/kinds.ts';
import { Committers, CommitterSource, type RevisionMemory } from './committers/source.ts';
import { compilePolicy } from './compile.ts';
import { checkJsonc, compileSchema, decodeText, findingError, readBounded, type Finding, type JsoncDocument, type ReadFile } from './jsonc.ts';
import { policySchema, type WrittenPolicy } from './schema.ts';
import type { Policy } from './types.ts';

const validate = compileSchema<WrittenPolicy>(policySchema);

/** How long a source's last good answer counts when the policy doesn't say. */
const defaultStaleSeconds = 3600;

/** All that is wrong with a policy's text, without looking at any other file. Empty means that it can be used. */
export const checkPolicyText = (text: string, file: string): readonly Finding[] => {
  const checked = checkJsonc<WrittenPolicy>(text, file, validate);
  return checked.document === undefined ? checked.findings : compilePolicy(checked.document).findings;
};

const resolveBeside =
  (policyFile: string) =>
  (file: string): string =>
    isAbsolute(file) ? file : join(dirname(policyFile), file);

export interface LoadOptions {
  /** Reads the policy and the files of its sources; by default whatever can be read. */
  readonly readFile?: ReadFile;
  readonly memory?: RevisionMemory;
  /** Sources of the policy in force: they leave their last good answer to the same source, should it be unreadable just now. */
  readonly before?: Committers;
}

/**
 * Reads a policy and its committer sources.
 *
 * @throws WardError `config-invalid` with `file:line:column` for the first mistake, `policy-unavailable` when a committer source
 *   can't be read.
 */
export const loadPolicy = async (file: string, options: LoadOptions = {}): Promise<Policy> => {
  const bytes = await (options.readFile ?? readBounded)(file);
  const checked = checkJsonc<WrittenPolicy>(decodeText(bytes, file), file, validate);
  if (checked.document === undefined) throw findingError(checked.findings[0]!);
  const { policy, findings } = compilePolicy(checked.document);
  const mistake = findings.find(({ severity }) => severity === 'error');
  if (mistake !== undefined) throw findingError(mistake);
  return {
    ...policy,
    digest: createHash('sha256').update(bytes).digest('hex'),
    committers: await openCommitters(checked.document, options),
    warnings: findings,
  };
};

const openCommitters = async (document: JsoncDocument<WrittenPolicy>, { readFile, memory, before }: LoadOptions): Promise<Committers> => {
  const { combine = 'any', sources } = document.value.committers;
  const opened: CommitterSource[] = [];
  for (const [index, source] of sources.entries()) {
    const { id, staleSeconds = defaultStaleSeconds, ...what } = source;
    const options = {
      id,
      position: document.positionOf(['committers', 'sources', index]),
      reader: readerOf(source, resolveBeside(document.file), readFile),
      staleSeconds,
      subject: JSON.stringify(what),
      ...(memory !== undefined && { memory }),
    };
    opened.push(await CommitterSource.open(options, before?.sources.find((other) => other.id === id)));
  }
  return new Committers(opened, combine);
};

/** Checks a policy file and everything it names. `broken`: it isn't even readable, JSON, or of the right form. */
export const checkPolicyFile = async (file: string): Promise<{ broken: boolean; findings: readonly Finding[]; policy?: Policy }> => {
  let text: string;
  try {
    text = decodeText(await readBounded(file), file);
  } catch (thrown) {
    return { broken: true, findings: [unreadable(file, toWardError(thrown))] };
  }
  const findings = checkPolicyText(text, file);
  if (findings.some(({ severity }) => severity === 'error'))
    return { broken: findings.some(({ code }) => code === 'WP001' || code === 'WP002'), findings };
  try {
    const policy = await loadPolicy(file);
    return { broken: false, findings: policy.warnings, policy };
  } catch (thrown) {
    return { broken: true, findings: [...findings, sourceFinding(file, toWardError(thrown))] };
  }
};

const unreadable = (file: string, { message }: WardError): Finding => ({
  file,
  line: 1,
  column: 1,
  severity: 'error',
  code: 'WP000',
  message: message.startsWith(`${file}: `) ? message.slice(file.length + 2) : message,
});

const sourceFinding = (file: string, { at, message }: WardError): Finding => {
  const [, line, column] = /:(\d+):(\d+)$/.exec(at ?? '') ?? [];
  return { file, line: Number(line ?? 1), column: Number(column ?? 1), severity: 'error', code: 'WP043', message };
};
