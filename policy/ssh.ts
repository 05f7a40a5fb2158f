/**
 * What a policy believes of logins through sshd: which methods may name a person, and which OpenSSH certificate authorities may assert
 * which names. Plain keys and Kerberos names need no entry here; identity rules say whose they are.
 *
 * What always holds: a name that a certificate asserts can never look like a key's fingerprint, and looks like a name of a realm only
 * where the policy says so.
 *
 * @module
 */
import type { JsonPath } from './jsonc.ts';
import { findAmbiguity, matchTemplate, parseTemplate, type Template } from './template.ts';

export const sshMethods = Object.freeze(['certificate', 'gssapi-with-mic', 'publickey'] as const);
export type SshMethod = (typeof sshMethods)[number];

/** An OpenSSH certificate authority. */
export interface SshAuthority {
  readonly id: string;
  readonly position: string;
  /** Fingerprint of its key, `SHA256:…` as `ssh-keygen -l` prints it. */
  readonly ca: string;
  /** What in a certificate is the person's name: the key id, or the one principal that is not the account's own. */
  readonly name: 'key-id' | 'principal';
  /** Names that it may assert: those that match one of these as a whole. */
  readonly names: readonly Template[];
}

export interface SshTrust {
  /** Permitted methods; of several in one login, the first listed names the person. Undefined: any, but only one in a login. */
  readonly methods: readonly SshMethod[] | undefined;
  readonly authorities: readonly SshAuthority[];
}

export interface WrittenAuthority {
  readonly id: string;
  readonly ca: string;
  readonly name: SshAuthority['name'];
  readonly names?: readonly string[];
}

export interface WrittenSsh {
  readonly methods?: readonly SshMethod[];
  readonly authorities?: readonly WrittenAuthority[];
}

export const sshSchema = (id: object): object => ({
  type: 'object',
  additionalProperties: false,
  properties: {
    methods: { type: 'array', minItems: 1, uniqueItems: true, items: { type: 'string', enum: sshMethods } },
    authorities: {
      type: 'array',
      maxItems: 256,
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['id', 'ca', 'name'],
        properties: {
          id,
          ca: {
            type: 'string',
            pattern: '^SHA256:[A-Za-z0-9+/]{43}$',
            description: '"SHA256:" and 43 characters, as ssh-keygen -l prints it',
          },
          name: { type: 'string', enum: ['key-id', 'principal'] },
          names: { type: 'array', minItems: 1, maxItems: 256, uniqueItems: true, items: { type: 'string', minLength: 1, maxLength: 256 } },
        },
      },
    },
  },
});

/** Without `names`: letters, digits and `._+-`. */
const plainNames = ['{name}'];

/** The complaint about a template of `names`; undefined if there is none. */
const findMistake = (template: Template): string | undefined => {
  if (template.text.includes(':')) return 'has a colon, as fingerprints of keys have, which no name may look like';
  if (!/^[\x21-\x7e]+$/.test(template.text)) return 'must be visible ASCII characters';
  return findAmbiguity(template);
};

/** Compiles the `ssh` of a policy. `complain` is told the path below it and the sentence. */
export const compileSsh = (
  written: WrittenSsh | undefined,
  positionOf: (path: JsonPath) => string,
  complain: (path: JsonPath, message: string) => void,
): SshTrust => {
  const seen = new Map<string, string>();
  const authorities = (written?.authorities ?? []).map(({ id, ca, name, names = plainNames }, index): SshAuthority => {
    const path = ['ssh', 'authorities', index];
    const other = seen.get(ca);
    if (other !== undefined) complain([...path, 'ca'], `this authority is "${other}" already`);
    seen.set(ca, id);
    const templates = names.flatMap((text, at) => {
      const template = parseTemplate(text);
      const mistake = typeof template === 'string' ? template : findMistake(template);
      if (mistake === undefined) return [template as Template];
      complain([...path, 'names', at], `the name ${mistake}`);
      return [];
    });
    return { id, position: positionOf(path), ca, name, names: templates };
  });
  return { methods: written?.methods, authorities };
};

/** May the authority assert this name? Attacker-controlled. */
export const mayAssert = ({ names }: SshAuthority, name: string): boolean =>
  names.some((template) => matchTemplate(template, name) !== undefined);
