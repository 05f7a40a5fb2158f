/**
 * The language and character set of diagnostics. Servers know C and C.UTF-8; a locale of the client is one of the two when it
 * has UTF-8 and no catalogue of the compiler's messages is installed for it. clang doesn't translate.
 *
 * @module
 */
import { execFile } from 'node:child_process';
import { readdirSync, realpathSync } from 'node:fs';
import { posix } from 'node:path';
import type { Family } from '../../policy/options/types.ts';

export type Locale = 'C' | 'C.UTF-8';

/** What to set LC_ALL to on the server; undefined when messages would differ. */
export const localeOf = async (env: Readonly<Record<string, string>>, family: Family, compiler: string): Promise<Locale | undefined> => {
  if (family === 'clang') {
    return 'C';
  }
  const of = (category: string): string => env['LC_ALL'] || env[category] || env['LANG'] || 'C';
  const messages = of('LC_MESSAGES');
  const characters = of('LC_CTYPE');
  if (isC(characters) && isC(messages)) {
    return 'C';
  }
  if ((!isC(messages) && (await isInstalled(messages)) && hasCatalogue([...(env['LANGUAGE'] ?? '').split(':'), messages], compiler))) {
    return undefined;
  }
  if (isC(characters) || !(await isInstalled(characters))) {
    return 'C';
  }
  return /\.utf-?8(?:@|$)/i.test(characters) ? 'C.UTF-8' : undefined;
};

const isC = (name: string): boolean => name === 'C' || name === 'POSIX';

/** As `locale -a` spells it: the character set in lower case, without dashes. */
const normalized = (name: string): string =>
  name.replace(/\.([^@]*)/, (_, charset: string) => `.${charset.toLowerCase().replaceAll('-', '')}`);

let installed: Promise<ReadonlySet<string>> | undefined;

const isInstalled = async (name: string): Promise<boolean> => {
  if (/^C\.utf-?8$/i.test(name)) {
    return true;
  }
  installed ??= new Promise(resolve => {
    execFile('/usr/bin/locale', ['-a'], { env: { PATH: '/usr/bin:/bin' }, timeout: 10_000, maxBuffer: 4 * 1024 * 1024 }, (_, stdout) =>
      resolve(new Set(stdout.split('\n').map(line => normalized(line.trim())))));
  });
  return (await installed).has(normalized(name));
};

/** Of the compiler, its preprocessor and the assembler. */
const catalogue = /^(?:(?:gcc|cpplib)(?:-[0-9.]+)?|gas|bfd|opcodes)\.mo$/;
const catalogues = new Map<string, boolean>();

const hasCatalogue = (languages: readonly string[], compiler: string): boolean =>
  languages.filter(each => each !== '').some(language => {
    const key = `${compiler}\0${language}`;
    let found = catalogues.get(key);
    if (found === undefined) {
      found = catalogueDirectories(language, compiler).some(directory => list(directory).some(name => catalogue.test(name)));
      catalogues.set(key, found);
    }
    return found;
  });

/** gettext tries ll_CC.codeset@modifier, then less of it. */
const catalogueDirectories = (locale: string, compiler: string): string[] => {
  const shorter = [/\.[^@]*/, /[.@].*/, /[_.@].*/].map(part => locale.replace(part, ''));
  const names = [...new Set([locale, normalized(locale), ...shorter])].filter(name => !name.includes('/'));
  const prefixes = new Set(['/usr', posix.dirname(posix.dirname(realpathSync(compiler)))]);
  return [...prefixes].flatMap(prefix => names.map(name => posix.join(prefix, 'share/locale', name, 'LC_MESSAGES')));
};

const list = (directory: string): string[] => {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
};
