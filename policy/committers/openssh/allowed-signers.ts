/**
 * OpenSSH's list of allowed signers (ALLOWED SIGNERS in ssh-keygen(1)): whose signature counts, made with which key or under
 * which certificate authority, for what, and when. git verifies signed commits against this file.
 *
 * What always holds: a line that OpenSSH would complain about makes the whole file unusable here, with its position.
 *
 * @module
 */
import { WardError } from '../../../protocol/errors.ts';
import { matchList } from './pattern-list.ts';
import { isKeyType, readPublicKey } from './public-key.ts';

export interface AllowedSigner {
  /** A pattern list. */
  readonly principals: string;
  /** A pattern list; undefined is everything. */
  readonly namespaces: string | undefined;
  /** Milliseconds since 1970, both included; undefined is no bound. */
  readonly validAfter: number | undefined;
  readonly validBefore: number | undefined;
  /** The key signs certificates of signers instead of signing itself. */
  readonly isAuthority: boolean;
  readonly key: Buffer;
}

const reject = (at: string, sentence: string): never => {
  throw new WardError('config-invalid', `${at}: ${sentence}`, { at });
};

/** `YYYYMMDD[HHMM[SS]]`, in local time, or in UTC with a `Z` behind it. */
const readTime = (text: string, at: string): number => {
  const [, year, month, day, hour = '0', minute = '0', second = '0', zone] =
    /^([0-9]{4})([0-9]{2})([0-9]{2})(?:([0-9]{2})([0-9]{2})([0-9]{2})?)?(Z|UTC)?$/i.exec(text) ?? [];
  if (year === undefined) return reject(at, `"${text}" is no time: YYYYMMDD[HHMM[SS]][Z] is`);
  const parts = [Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second)] as const;
  const date = zone === undefined ? new Date(...parts) : new Date(Date.UTC(...parts));
  const back = zone === undefined
    ? [date.getFullYear(), date.getMonth(), date.getDate(), date.getHours()]
    : [date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate(), date.getUTCHours()];
  const isReal = back.every((part, index) => part === parts[index]) && parts[4] < 60 && parts[5] < 60;
  if (!isReal || date.getTime() <= 0) return reject(at, `"${text}" is a time that does not exist, or is before 1970`);
  return date.getTime();
};

type Options = Pick<AllowedSigner, 'namespaces' | 'validAfter' | 'validBefore' | 'isAuthority'>;

const readOptions = (text: string, at: string): Options => {
  const values = new Map<string, string>();
  let isAuthority = false;
  let rest = text;
  while (rest !== '') {
    const [flag] = /^cert-authority(?=,|$)/i.exec(rest) ?? [];
    const [whole = '', name = '', value = ''] = /^(namespaces|valid-after|valid-before)="((?:\\"|[^"])*)"/i.exec(rest) ?? [];
    const taken = flag ?? whole;
    if (taken === '') return reject(at, `the option ${JSON.stringify(rest.slice(0, 40))} is unknown, or its value is not in quotes`);
    if (flag !== undefined) isAuthority = true;
    else if (values.has(name.toLowerCase())) return reject(at, `the option ${name} is there twice`);
    else values.set(name.toLowerCase(), value.replaceAll('\\"', '"'));
    rest = rest.slice(taken.length);
    if (rest !== '' && !/^,./.test(rest)) return reject(at, `${JSON.stringify(rest.slice(0, 40))} cannot follow an option`);
    rest = rest.slice(1);
  }
  const time = (name: string): number | undefined => {
    const value = values.get(name);
    return value === undefined ? undefined : readTime(value, at);
  };
  const [validAfter, validBefore] = [time('valid-after'), time('valid-before')];
  if ((validBefore ?? Infinity) <= (validAfter ?? 0)) reject(at, 'valid-before is not after valid-after');
  return { namespaces: values.get('namespaces'), validAfter, validBefore, isAuthority };
};

/** Up to the first blank that is outside of quotes. */
const optionField = /^(?:"(?:\\"|[^"])*"|[^\s"])+(?=[ \t]|$)/;

const readLine = (line: string, file: string, number: number): AllowedSigner => {
  const at = (rest: string): string => `${file}:${number}:${line.length - rest.length + 1}`;
  let rest = line.replace(/^[ \t]+/, '');
  const next = (pattern: RegExp, what: string): string => {
    const [taken] = pattern.exec(rest) ?? reject(at(rest), `there is no ${what} here`);
    return taken;
  };
  const advance = (length: number): void => {
    rest = rest.slice(length).replace(/^[ \t]+/, '');
  };
  const field = next(/^(?:"[^"]*"(?=[ \t])|[^\s"]+(?=[ \t]))/, 'list of principals followed by a key');
  const principals = field.replace(/^"(.*)"$/, '$1');
  if (principals === '') reject(at(rest), 'the list of principals is empty');
  advance(field.length);
  let options: Options = { namespaces: undefined, validAfter: undefined, validBefore: undefined, isAuthority: false };
  if (!isKeyType(next(/^\S+/, 'key'))) {
    const where = at(rest);
    const written = next(optionField, 'list of options whose quotes are closed');
    options = readOptions(written, where);
    advance(written.length);
  }
  const where = at(rest);
  const type = next(/^\S+/, 'key');
  advance(type.length);
  const base64 = next(/^\S+/, 'key behind its type');
  try {
    return { principals, ...options, key: readPublicKey(type, base64) };
  } catch (error) {
    return reject(where, `this key has ${(error as Error).message}`);
  }
};

/**
 * Parses a list of allowed signers.
 *
 * @throws WardError `config-invalid` with `file:line:column`
 */
export const parseAllowedSigners = (text: string, file: string): AllowedSigner[] =>
  text.split(/\r?\n/).flatMap((line, index) => /^[ \t]*(?:#|$)/.test(line) ? [] : readLine(line, file, index + 1));

export interface SignerQuestion {
  readonly principal: string;
  readonly namespace: string;
  /** Milliseconds since 1970. */
  readonly time: number;
}

/** Does this line let the principal's signatures count in the namespace at that time? */
export const admits = (signer: AllowedSigner, { principal, namespace, time }: SignerQuestion): boolean =>
  matchList(signer.principals, principal)
  && (signer.namespaces === undefined || matchList(signer.namespaces, namespace))
  && (signer.validAfter === undefined || time >= signer.validAfter)
  && (signer.validBefore === undefined || time <= signer.validBefore);
