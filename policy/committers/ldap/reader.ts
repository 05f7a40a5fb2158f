/**
 * Committer source of kind `ldap`: who is in a group of a directory service. The directory is asked again and again; what it said last
 * counts in between.
 *
 * @module
 */
import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { cleanText } from '../../../protocol/alert.ts';
import { WardError } from '../../../protocol/errors.ts';
import { readBounded, type ReadFile } from '../../jsonc.ts';
import type { CommitterReader, Membership } from '../source.ts';
import { parseUrl, withDirectory, type Bind } from './connection.ts';
import { readGroup, type GroupAnswer, type GroupOptions } from './people.ts';

export interface LdapOptions extends GroupOptions {
  /** Servers of the same directory, tried in order. */
  readonly url: string | readonly string[];
  /** Certificates that their certificates are issued by. */
  readonly ca: string;
  readonly bind: { readonly dn: string; readonly passwordFile: string } | { readonly cert: string; readonly key: string };
  readonly pollSeconds?: number;
  /** The group's entry must not become older; for directories whose replicas keep modifyTimestamp. */
  readonly ordered?: boolean;
}

/** All servers together; a reading that takes longer has failed anyhow. */
const readingMs = 9_000;
const defaultPollSeconds = 30;
const maxPasswordBytes = 4096;

/** What is wrong with a source beyond its schema: keys, and sentences about them. */
export const ldapMistakes = (options: LdapOptions): readonly (readonly [key: string, sentence: string])[] => {
  const { url, members = 'member', people, name, nested, bind, filter } = options;
  const mistakes: [string, string][] = [];
  for (const each of typeof url === 'string' ? [url] : url) {
    if (parseUrl(each) !== undefined) continue;
    mistakes.push(['url', `${JSON.stringify(each)} must be ldaps://HOST[:PORT], or ldap://HOST[:PORT] (with StartTLS, always)`]);
  }
  if (members === 'memberOf' && people === undefined) mistakes.push(['members', '"memberOf" needs "people": where to look for them']);
  if (members !== 'memberOf' && people !== undefined) mistakes.push(['people', `"people" is for "members": "memberOf" only`]);
  if (members === 'memberUid') {
    for (const [key, value] of Object.entries({ name, nested, filter })) {
      if (value !== undefined) mistakes.push([key, `"memberUid" lists names themselves: "${key}" says nothing there`]);
    }
  }
  if ('passwordFile' in bind && 'cert' in bind) mistakes.push(['bind', 'either "dn" and "passwordFile", or "cert" and "key"']);
  return mistakes;
};

const secretOf = (file: string): Buffer => {
  const refuse = (sentence: string, cause?: unknown): WardError =>
    new WardError('config-invalid', `${file}: ${sentence}`, { at: file, cause });
  try {
    if ((statSync(file).mode & 0o077) !== 0) throw refuse('others may read this secret: chmod 600');
    const bytes = readFileSync(file);
    if (bytes.length > maxPasswordBytes) throw refuse(`the file is larger than ${maxPasswordBytes} bytes`);
    return bytes;
  } catch (error) {
    throw error instanceof WardError ? error : refuse(`the file cannot be read (${(error as NodeJS.ErrnoException).code})`, error);
  }
};

const readBind = async (bind: LdapOptions['bind'], readFile: ReadFile): Promise<Bind> => {
  if ('cert' in bind) return { cert: await readFile(bind.cert), key: secretOf(bind.key) };
  const password = secretOf(bind.passwordFile).toString('utf8').replace(/\r?\n$/, '');
  // RFC 4513 section 5.1.2: a name with an empty password is let in as nobody in particular.
  if (password === '') throw new WardError('config-invalid', `${bind.passwordFile}: the password is empty`, { at: bind.passwordFile });
  return { dn: bind.dn, password };
};

/** A reader for `CommitterSource`. Files are absolute. */
export const ldapReader = (options: LdapOptions, readFile: ReadFile = readBounded): CommitterReader => {
  const urls = typeof options.url === 'string' ? [options.url] : options.url;
  const { bind, ca: caFile, pollSeconds = defaultPollSeconds } = options;
  const ask = async (): Promise<GroupAnswer> => {
    const shared = { ca: await readFile(caFile), bind: await readBind(bind, readFile), timeoutMs: Math.floor(readingMs / urls.length) };
    const complaints: string[] = [];
    for (const url of urls) {
      try {
        return await withDirectory({ ...shared, address: parseUrl(url)! }, (client) => readGroup(client, options));
      } catch (error) {
        complaints.push(`${url}: ${sentenceOf(error)}`);
      }
    }
    throw new WardError('policy-unavailable', complaints.join('; '));
  };
  return {
    kind: 'ldap',
    files: [caFile, ...('cert' in bind ? [bind.cert, bind.key] : [bind.passwordFile])],
    pollMs: pollSeconds * 1000,
    async read(): Promise<Membership> {
      const { names, modified } = await ask();
      const sorted = [...names].sort();
      const { ordered = false, group } = options;
      if (ordered && modified === undefined) {
        throw new WardError('policy-unavailable', `${group} has no modifyTimestamp, so its revisions are not ordered`);
      }
      return {
        revision: createHash('sha256').update(JSON.stringify(sorted)).digest('hex').slice(0, 16),
        ...(ordered && modified !== undefined && { order: { [group]: [modified] } }),
        has: (name) => names.has(name),
        names: sorted,
      };
    },
  };
};

/** Result codes of RFC 4511 that an administrator meets. */
const results: Readonly<Record<number, string>> = {
  3: 'it gave up, because it took too long', 4: 'it does not give so many entries at once',
  7: 'it does not take this way to bind', 8: 'it asks for a stronger bind',
  10: 'it says that another server has that', 11: 'it gives no more than its administrator allows',
  13: 'it asks for encryption', 32: 'it has no such entry', 48: 'it does not let this account bind',
  49: 'it refuses the name and password, or the certificate',
  50: 'this account may not read there', 51: 'it is busy', 52: 'it is unavailable',
};

const sentenceOf = (error: unknown): string => {
  const { code, message, name } = error as { code?: unknown; message?: string; name?: string };
  if (typeof code === 'number' && results[code] !== undefined) return `${results[code]} (${code})`;
  if (typeof code === 'string' && network[code] !== undefined) return network[code];
  if (message !== undefined && lost.test(message)) return network['ECONNRESET']!;
  // A directory may write anything here, and this gets to terminals.
  return cleanText(message || String(code ?? name ?? 'no answer'), 300);
};

/** How ldapts says that. */
const lost = /^(?:Connection closed|Socket error|the connection was lost)/;

const stranger = 'its certificate was not issued by the CA in "ca"';

const network: Readonly<Record<string, string | undefined>> = {
  ECONNREFUSED: 'nothing listens there',
  ENOTFOUND: 'its name is unknown',
  EAI_AGAIN: 'its name cannot be looked up now',
  ECONNRESET: 'it closed the connection',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: stranger,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: stranger,
  SELF_SIGNED_CERT_IN_CHAIN: stranger,
  DEPTH_ZERO_SELF_SIGNED_CERT: stranger,
};
