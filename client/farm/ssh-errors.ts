/**
 * What ssh writes when there is no connection, as errors that say what to do. ssh has no codes, only sentences; `LC_ALL=C` keeps them
 * as they are here.
 *
 * @module
 */
import { cleanText } from '../../protocol/alert.ts';
import { isErrorCode, WardError, type ErrorCode } from '../../protocol/errors.ts';
import type { SshHost } from './hosts.ts';

interface Meaning {
  readonly says: RegExp;
  readonly code: ErrorCode;
  /** After "The server NAME". */
  sentence(match: RegExpExecArray, host: SshHost): string;
}

const login = ({ user, host, port }: SshHost): string =>
  `ssh ${port === undefined ? '' : `-p ${port} `}${user === undefined ? '' : `${user}@`}${host}`;

const changedKey = ([text]: RegExpExecArray): string => {
  const place = /Offending \S+ key in (\S[^\n]*:\d+)/.exec(text)?.[1]?.trim();
  const known = `has another host key than the one that is known${place === undefined ? '' : ` (${place})`}`;
  return `${known}: it was installed anew, or somebody stands in between. Ask its administrator before you remove the old key.`;
};

const meanings: readonly Meaning[] = [
  { says: /REMOTE HOST IDENTIFICATION HAS CHANGED[\s\S]*/, code: 'server-untrusted', sentence: changedKey },
  {
    says: /No \S+ host key is known for|Host key verification failed/,
    code: 'server-untrusted',
    sentence: (_, host) => 'is not in the known hosts. Get its host key from its administrator, '
      + `or compare the fingerprint that "${login(host)}" shows once.`,
  },
  {
    says: /Permission denied \(([^)]*)\)/,
    code: 'ssh-refused',
    sentence: ([, methods = ''], host) => `refuses the login (it accepts ${methods.split(',').join(', ')}). `
      + `"ssh-add -l" shows the keys of your agent; "${login(host)}" must work without a question.`,
  },
  {
    says: /Too many authentication failures/,
    code: 'ssh-refused',
    sentence: () => 'was offered too many keys. Name the right one: IdentityFile with IdentitiesOnly in your ssh configuration, '
      + 'or "ssh.identity" in client.jsonc.',
  },
  {
    says: /subsystem request failed/,
    code: 'connect-failed',
    sentence: () => 'lets you log in but has no subsystem wardcc for this account. Its administrator finds the settings in docs/ssh.md.',
  },
  {
    says: /[^\n]*Bad configuration option[^\n]*|Bad owner or permissions on [^\n]*|Can't open user config file [^\n]*/,
    code: 'config-invalid',
    sentence: ([text]) => `cannot be asked, because ssh refuses its configuration: ${text.trim()}.`,
  },
  { says: /Could not resolve hostname/, code: 'connect-failed', sentence: () => 'cannot be reached: its name is unknown.' },
  { says: /Connection refused/, code: 'connect-failed', sentence: () => 'cannot be reached: nothing listens there.' },
  {
    says: /No route to host|Network is unreachable/,
    code: 'connect-failed',
    sentence: () => 'cannot be reached: there is no route to it.',
  },
  { says: /timed out/i, code: 'connect-failed', sentence: () => 'cannot be reached: it does not answer.' },
  {
    says: /Connection (?:closed|reset) by|kex_exchange_identification|Broken pipe/,
    code: 'connect-failed',
    sentence: () => 'closed the connection before the login.',
  },
];

/** What our bridge says when it cannot bring a connection to the front. */
const ofBridge = /^wardccd: \[([a-z-]+)\] (.+)$/m;

/**
 * The error behind what ssh wrote to its standard error. Attacker-controlled in part: a server says things too.
 *
 * @param fallback what to say when ssh gave no reason
 */
export const sshError = (host: SshHost, text: string, fallback: string): WardError => {
  const fail = (code: ErrorCode, sentence: string): WardError => new WardError(code, cleanText(sentence, 600), { at: host.name });
  for (const { says, code, sentence } of meanings) {
    const match = says.exec(text);
    if (match !== null) return fail(code, `The server ${host.name} ${sentence(match, host)}`);
  }
  const [, code = '', said = ''] = ofBridge.exec(text) ?? [];
  if (isErrorCode(code)) return fail(code, `The server ${host.name} says: ${said}`);
  const last = text.split('\n').map((line) => line.trim()).filter((line) => line !== '').at(-1) ?? fallback;
  return fail('connect-failed', `The server ${host.name} cannot be reached over SSH: ${last}${/[.!]$/.test(last) ? '' : '.'}`);
};
