/**
 * Configuration files: JSON with comments, checked against a JSON Schema, every complaint with its line and column.
 *
 * What always holds: a key appears once in an object; `__proto__` is no key; nesting and size are bounded; the text is valid UTF-8.
 * Nothing of a file is used unless all of it was accepted. Paths are printed as they were given.
 *
 * @module
 */
import { createHash } from 'node:crypto';
import type { Stats } from 'node:fs';
import { constants, open } from 'node:fs/promises';
import type { ErrorObject, ValidateFunction } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { createScanner, parseTree, printParseErrorCode, type Node, type ParseError } from 'jsonc-parser';
import { WardError } from '../protocol/errors.ts';
import { schemaSentence } from './schema-sentence.ts';

/** One key or index a step, from the top of the document. */
export type JsonPath = readonly (string | number)[];

/** A complaint about a file. `line` and `column` start at 1; a column counts UTF-16 units, as editors do. */
export interface Finding {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly severity: 'error' | 'warning';
  /** Stable code, `WP001` and so on. */
  readonly code: string;
  readonly message: string;
}

export interface JsoncDocument<T> {
  readonly file: string;
  readonly value: T;
  /** `file:line:column` of a value, or of the nearest value around it that exists. `key`: of the property's name. */
  positionOf(path: JsonPath, part?: 'key' | 'value'): string;
  /** The same as a finding. */
  findingAt(path: JsonPath, message: string, code?: string, severity?: Finding['severity'], part?: 'key' | 'value'): Finding;
}

export interface JsoncFile<T> extends JsoncDocument<T> {
  /** SHA-256 of the bytes of the file, in hex. */
  readonly digest: string;
  readonly bytes: Buffer;
}

/** Largest configuration file that is read, in bytes. */
export const maxConfigurationBytes = 8 * 1024 * 1024;
const maxDepth = 32;
const maxFindings = 50;
/** Mistakes that are looked at: each is searched for in the text, so their number times its length is what a broken file costs. */
const maxMistakes = 500;

// Schemas are part of the program: a test, not every start of it, checks them against the schema of schemas.
const ajv = new Ajv2020({ strict: true, allErrors: true, verbose: true, allowUnionTypes: true, validateSchema: false, code: { optimize: false } });

/** Says whether a value is as its schema wants it; `errors` are about the last one that was not. */
export interface Validator<T> {
  (value: unknown): value is T;
  errors: readonly ErrorObject[];
}

/** A JSON Schema (2020-12), or one that was compiled already. */
export type Schema = object | Validator<any>;

/** Schema of an object that has exactly these properties. */
export const closed = (properties: Record<string, object>) =>
  ({ type: 'object', additionalProperties: false, properties, required: Object.keys(properties) }) as const;

const compiled = new WeakMap<object, ValidateFunction>();

const compileNow = (schema: object): ValidateFunction => {
  const known = compiled.get(schema) ?? ajv.compile(schema);
  compiled.set(schema, known);
  return known;
};

/**
 * Compiles a schema, once for each schema object, when the first value comes: a process starts without those that it does not need.
 * A schema that is wrong itself throws then: a bug, not a user's mistake.
 */
export const compileSchema = <T>(schema: Schema): Validator<T> => {
  if (typeof schema === 'function') return schema as Validator<T>;
  const validator: Validator<T> = Object.assign((value: unknown): value is T => {
    const validate = compileNow(schema);
    const holds = validate(value);
    validator.errors = validate.errors ?? [];
    return holds;
  }, { errors: [] });
  return validator;
};

export const formatPosition = (finding: Finding): string => `${finding.file}:${finding.line}:${finding.column}`;

/** `file:line:col: error[WP001] sentence` */
export const formatFinding = (finding: Finding): string =>
  `${formatPosition(finding)}: ${finding.severity}[${finding.code}] ${finding.message}`;

/** The error that a caller throws for a finding: `file:line:col: sentence`, with the position in `at` too. */
export const findingError = (finding: Finding): WardError =>
  new WardError('config-invalid', `${formatPosition(finding)}: ${finding.message}`, { at: formatPosition(finding) });

/** A document, or all that is wrong with it; never both. */
export type JsoncCheck<T> =
  | { readonly document: JsoncDocument<T>; readonly findings: readonly [] }
  | { readonly document?: undefined; readonly findings: readonly Finding[] };

/** Parses and checks `text`; never throws for what the text contains. `file` is only printed. */
export const checkJsonc = <T>(text: string, file: string, schema: Schema): JsoncCheck<T> => {
  const validate = compileSchema<T>(schema);
  const source = new Source(file, text.startsWith('\uFEFF') ? ` ${text.slice(1)}` : text);
  const tooDeep = findTooDeep(source.text);
  if (tooDeep !== undefined) return { findings: [source.finding(tooDeep, `the file is nested deeper than ${maxDepth} levels`)] };
  const parseErrors: ParseError[] = [];
  const root = parseTree(source.text, parseErrors, { allowTrailingComma: true });
  if (parseErrors.length > 0 || root === undefined) {
    const findings = parseErrors
      .slice(0, maxFindings)
      .map(({ error, offset }) => source.finding(offset, syntaxSentence(printParseErrorCode(error))));
    return { findings: findings.length > 0 ? findings : [source.finding(0, 'the file is empty')] };
  }
  const keyFindings: Finding[] = [];
  const value: unknown = build(root, source, keyFindings);
  if (keyFindings.length > 0) return { findings: keyFindings.slice(0, maxFindings) };
  if (!validate(value)) return { findings: schemaFindings(validate.errors, root, source) };
  const offsetOf = (path: JsonPath, part: 'key' | 'value' = 'value') => locate(root, path, part).offset;
  return {
    findings: [],
    document: {
      file,
      value,
      positionOf: (path, part) => formatPosition(source.finding(offsetOf(path, part), '')),
      findingAt: (path, message, code = 'WP001', severity = 'error', part = 'value') =>
        source.finding(offsetOf(path, part), message, code, severity),
    },
  };
};

/** As `checkJsonc`, but throws `config-invalid` with the first finding. */
export const parseDocument = <T>(text: string, file: string, schema: Schema): JsoncDocument<T> => {
  const { document, findings } = checkJsonc<T>(text, file, schema);
  if (document === undefined) throw findingError(findings[0]!);
  return document;
};

/** The value of a text; throws `config-invalid` with the position of the first mistake. */
export const parseJsonc = <T>(text: string, file: string, schema: Schema): T => parseDocument<T>(text, file, schema).value;

/** Reads a whole file, or throws `config-invalid` with a sentence that names it as given. */
export type ReadFile = (path: string, maxBytes?: number) => Promise<Buffer>;

/** Reads a whole regular file of bounded size. `object` may say what is wrong with the file that was opened. */
export const readBounded = async (
  path: string, maxBytes: number = maxConfigurationBytes, object: (status: Stats) => string | undefined = () => undefined,
): Promise<Buffer> => {
  const refuse = (sentence: string, cause?: unknown) => new WardError('config-invalid', `${path}: ${sentence}`, { at: path, cause });
  // Without waiting: the path may name a pipe that nobody writes to.
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch((error: NodeJS.ErrnoException) => {
    throw refuse(readSentence(error), error);
  });
  try {
    const status = await handle.stat();
    if (!status.isFile()) throw refuse('this is not a regular file');
    const objection = object(status);
    if (objection !== undefined) throw refuse(objection);
    // One byte more than allowed is asked for, so that a file that grows meanwhile is noticed.
    const buffer = Buffer.alloc(Math.min(status.size, maxBytes) + 1);
    let length = 0;
    while (length < buffer.length) {
      const { bytesRead } = await handle.read(buffer, length, buffer.length - length, length);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    if (status.size > maxBytes || length > maxBytes) throw refuse(`the file is larger than ${maxBytes} bytes`);
    if (length > status.size) throw refuse('the file changed while it was read');
    return buffer.subarray(0, length);
  } catch (error) {
    throw error instanceof WardError ? error : refuse(readSentence(error as NodeJS.ErrnoException), error);
  } finally {
    await handle.close();
  }
};

/** Bytes to text; throws `config-invalid` if they are no valid UTF-8. */
export const decodeText = (bytes: Buffer, file: string): string => {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new WardError('config-invalid', `${file}: the file is not valid UTF-8 text`, { at: file, cause });
  }
};

/** Reads, parses and checks one configuration file, keeping its bytes, digest and positions. */
export const readDocument = async <T>(path: string, schema: Schema, options: { maxBytes?: number } = {}): Promise<JsoncFile<T>> => {
  const bytes = await readBounded(path, options.maxBytes);
  const document = parseDocument<T>(decodeText(bytes, path), path, schema);
  return { ...document, bytes, digest: createHash('sha256').update(bytes).digest('hex') };
};

/** Reads, parses and checks one configuration file; throws `config-invalid` with the position of the first mistake. */
export const readJsonc = async <T>(path: string, schema: Schema, options: { maxBytes?: number } = {}): Promise<T> =>
  (await readDocument<T>(path, schema, options)).value;

const readSentence = (error: NodeJS.ErrnoException): string => {
  if (error.code === 'ENOENT') return 'there is no such file';
  if (error.code === 'EACCES') return 'the file may not be read by this user';
  return `the file cannot be read (${error.code ?? error.message})`;
};

/** A text with its line starts, so that offsets become lines and columns. */
class Source {
  readonly file: string;
  readonly text: string;
  readonly #starts: number[] = [0];

  constructor(file: string, text: string) {
    this.file = file;
    this.text = text;
    for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) this.#starts.push(at + 1);
  }

  finding(offset: number, message: string, code = 'WP001', severity: Finding['severity'] = 'error'): Finding {
    let low = 0;
    let high = this.#starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#starts[middle]! <= offset) low = middle;
      else high = middle - 1;
    }
    return { file: this.file, line: low + 1, column: offset - this.#starts[low]! + 1, severity, code, message };
  }
}

/** The parser recurses, so depth is bounded by its (flat) scanner first. Returns the offset that is too deep. */
const findTooDeep = (text: string): number | undefined => {
  const scanner = createScanner(text, true);
  let depth = 0;
  for (let kind = scanner.scan(); kind !== 17 /* end of file */; kind = scanner.scan()) {
    if (kind === 1 /* { */ || kind === 3 /* [ */) depth += 1;
    else if (kind === 2 /* } */ || kind === 4 /* ] */) depth -= 1;
    if (depth > maxDepth) return scanner.getTokenOffset();
  }
  return undefined;
};

const build = (node: Node, source: Source, findings: Finding[]): unknown => {
  if (node.type === 'array') return (node.children ?? []).map((child) => build(child, source, findings));
  if (node.type !== 'object') return node.value;
  const object: Record<string, unknown> = {};
  const seen = new Map<string, number>();
  for (const { children } of node.children ?? []) {
    const [keyNode, valueNode] = children ?? [];
    if (keyNode === undefined || valueNode === undefined) continue;
    const key = keyNode.value as string;
    const first = seen.get(key);
    if (first !== undefined) {
      const { line, column } = source.finding(first, '');
      findings.push(
        source.finding(keyNode.offset, `the key ${JSON.stringify(key)} is here for the second time (first at ${line}:${column})`, 'WP002'),
      );
    } else if (key === '__proto__') {
      findings.push(source.finding(keyNode.offset, 'the key "__proto__" is not allowed'));
    } else {
      seen.set(key, keyNode.offset);
      object[key] = build(valueNode, source, findings);
    }
  }
  return object;
};

/** The node at a path; where the path ends early, the last node that exists. */
const locate = (root: Node, path: JsonPath, part: 'key' | 'value'): Node => {
  let node = root;
  for (const [index, step] of path.entries()) {
    if (node.type === 'array') {
      const child = typeof step === 'number' ? node.children?.[step] : node.children?.[Number(step)];
      if (child === undefined) return node;
      node = child;
    } else {
      const property = node.children?.find(({ children }) => children?.[0]?.value === String(step))?.children;
      if (property?.[1] === undefined) return node;
      if (part === 'key' && index === path.length - 1) return property[0]!;
      node = property[1];
    }
  }
  return node;
};

const pointerPath = (pointer: string): string[] =>
  pointer
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));

const schemaFindings = (all: readonly ErrorObject[], root: Node, source: Source): Finding[] => {
  const errors = all.slice(0, maxMistakes);
  const findings = new Map<string, Finding>();
  for (const error of errors) {
    const path = pointerPath(error.instancePath);
    const described = schemaSentence(error, path);
    if (described === undefined || isFollowUp(error, errors)) continue;
    const node = described.key === undefined ? locate(root, path, 'value') : locate(root, [...path, described.key], 'key');
    const finding = source.finding(node.offset, described.sentence);
    findings.set(`${node.offset} ${finding.message}`, finding);
  }
  const sorted = [...findings.values()].sort((a, b) => a.line - b.line || a.column - b.column);
  return sorted.length > 0 ? sorted.slice(0, maxFindings) : [source.finding(root.offset, 'the file does not have the expected form')];
};

/** Where a part of a schema fails, the keys that it knows count as unknown: true only once the other mistakes are gone. */
const isFollowUp = ({ keyword, instancePath }: ErrorObject, errors: readonly ErrorObject[]): boolean =>
  keyword === 'unevaluatedProperties' && errors.some((other) =>
    other.keyword !== 'unevaluatedProperties' && schemaSentence(other, []) !== undefined && `${other.instancePath}/`.startsWith(`${instancePath}/`));

const syntaxSentences: Readonly<Record<string, string>> = {
  InvalidSymbol: 'this is neither a value nor a sign that JSON knows',
  InvalidNumberFormat: 'this is not a number that JSON knows',
  PropertyNameExpected: 'a key in double quotes is expected here',
  ValueExpected: 'a value is expected here',
  ColonExpected: 'a colon is expected here',
  CommaExpected: 'a comma is expected here',
  CloseBraceExpected: 'a closing } is expected here',
  CloseBracketExpected: 'a closing ] is expected here',
  EndOfFileExpected: 'the file should end here',
  InvalidCommentToken: 'comments are not allowed here',
  UnexpectedEndOfComment: 'a comment is not closed',
  UnexpectedEndOfString: 'a string is not closed',
  UnexpectedEndOfNumber: 'a number ends too early',
  InvalidUnicode: 'a \\u escape is not complete',
  InvalidEscapeCharacter: 'this escape is not one that JSON knows',
  InvalidCharacter: 'this character must be written as an escape',
};

const syntaxSentence = (name: string): string => syntaxSentences[name] ?? `the text is not JSON (${name})`;
