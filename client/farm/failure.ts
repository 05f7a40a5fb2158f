/**
 * Of several reasons why no server did a job, the one that helps most: what a person must correct before what may pass by itself.
 *
 * @module
 */
import { WardError, type ErrorClass } from '../../protocol/errors.ts';
import type { Probe } from '../../protocol/messages.ts';

const order: readonly ErrorClass[] = ['authorization', 'authentication', 'client', 'infrastructure', 'protocol'];

/** Codes that say only that a server was left out, and yield to any other. */
const weak: ReadonlySet<string> = new Set(['connect-failed', 'session-lost', 'busy']);

const rankOf = ({ class: cls, code }: WardError): number => order.indexOf(cls) + (weak.has(code) ? order.length : 0);

/** The same error with the server's name where it says no place of its own. */
export const named = (error: WardError, server: string): WardError => {
  if (error.at !== undefined) return error;
  return new WardError(error.code, error.message, { at: server, cause: error, ...(error.rule === undefined ? {} : { rule: error.rule }) });
};

/** The error to show; `no-server` when there is none. */
export const mostHelpful = (failures: readonly WardError[], probe?: Probe): WardError => {
  const [first] = [...failures].sort((a, b) => rankOf(a) - rankOf(b));
  if (first === undefined) return new WardError('no-server', 'No server could be asked.');
  if (probe === undefined || failures.length < 2 || failures.some(({ code }) => code !== 'toolchain-unknown')) return first;
  return new WardError(
    'toolchain-unknown', `None of ${failures.length} servers has exactly this compiler (${probe.compiler}).`, { cause: first },
  );
};

/** Of several mechanisms that could not even begin, what helps most: a credential that has ended, else all that is missing. */
export const noCredential = (failures: readonly WardError[]): WardError => {
  const telling = failures.find(({ code }) => code !== 'credential-missing' && code !== 'mechanism-not-permitted');
  if (telling !== undefined) return telling;
  const missing = failures.filter(({ code }) => code === 'credential-missing');
  const [first = failures[0]!] = missing;
  if (missing.length < 2) return first;
  return new WardError('credential-missing', missing.map(({ message }) => message).join(' '), { cause: first });
};
