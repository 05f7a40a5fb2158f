/**
 * Errors on the wire: the payload of ALERT and RESET frames, `{code, message, at?, rule?}` as JSON. What arrives is cleaned
 * before anybody sees it: an unknown code becomes `internal`, control characters (terminal escapes) become `?`.
 *
 * @module
 */
import { isErrorCode, WardError } from './errors.ts';
import { limits } from './limits.ts';

const controlCharacters = /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g;

/** Makes text of a peer fit for a terminal and a log line. */
export const cleanText = (text: string, maximum: number = limits.errorText): string =>
  text.slice(0, maximum).toWellFormed().replace(controlCharacters, '?');

/** The error as a payload that fits its frame. Causes stay at home. */
export const encodeError = (error: WardError): Buffer => {
  // A quarter each for the two texts: even as \uXXXX escapes or four-byte characters they fit the frame.
  const share = limits.errorBytes / 8;
  const body = {
    code: error.code,
    message: cleanText(error.message, share),
    ...(error.at === undefined ? {} : { at: cleanText(error.at, share / 4) }),
    ...(error.rule === undefined ? {} : { rule: cleanText(error.rule, share / 8) }),
  };
  return Buffer.from(JSON.stringify(body));
};

/** Attacker-controlled. Never throws: a payload that makes no sense is a `protocol-violation` itself. */
export const decodeError = (payload: Buffer): WardError => {
  let body: unknown;
  try {
    body = JSON.parse(payload.toString('utf8'));
  } catch {
    return new WardError('protocol-violation', 'The peer reported an error that cannot be read.');
  }
  if (typeof body !== 'object' || body === null) {
    return new WardError('protocol-violation', 'The peer reported an error that cannot be read.');
  }
  const { code, message, at, rule } = body as Record<string, unknown>;
  const known = typeof code === 'string' && isErrorCode(code) ? code : 'internal';
  return new WardError(known, typeof message === 'string' ? cleanText(message) : undefined, {
    ...(typeof at === 'string' ? { at: cleanText(at) } : {}),
    ...(typeof rule === 'string' ? { rule: cleanText(rule) } : {}),
  });
};
