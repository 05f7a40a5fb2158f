/**
 * The line format of Subversion's configuration files, as far as access files use it: `[section]`, `option = value` or
 * `option : value`, comments in the first column, values continued by lines that begin with white space.
 *
 * What always holds: whatever Subversion would skip or guess at (text behind a section header, an option without a name) is an
 * error here, with its position.
 *
 * @module
 */
import { WardError } from '../../../protocol/errors.ts';

export interface ConfigOption {
  readonly name: string;
  readonly value: string;
  /** `file:line:column` of the name. */
  readonly at: string;
}

export interface ConfigSection {
  readonly name: string;
  readonly at: string;
  readonly options: readonly ConfigOption[];
}

/** @throws WardError `config-invalid`, always */
export const reject = (at: string, sentence: string): never => {
  throw new WardError('config-invalid', `${at}: ${sentence}`, { at });
};

const blanks = ' \t\v\f\r';

/** Without the white space of ASCII at its ends. Any other is part of a name, as it is for Subversion. */
export const trim = (text: string): string => {
  let [start, end] = [0, text.length];
  while (start < end && blanks.includes(text.charAt(start))) start += 1;
  while (end > start && blanks.includes(text.charAt(end - 1))) end -= 1;
  return text.slice(start, end);
};

const header = /^\[([^\]]*)\][ \t\v\f\r]*(?:#.*)?$/s;

/** Splits a file into its sections. Attacker-controlled only if the access file is. */
export const readSections = (text: string, file: string): ConfigSection[] => {
  const sections: { name: string; at: string; options: { name: string; parts: string[]; at: string }[] }[] = [];
  let mayContinue = false;
  for (const [index, line] of text.replace(/^\uFEFF/, '').split(/\r?\n/).entries()) {
    const at = (column: number): string => `${file}:${index + 1}:${column}`;
    // For Subversion a text ends here, for everybody who reads it it goes on.
    if (line.includes('\0')) return reject(at(line.indexOf('\0') + 1), 'this line has a NUL in it');
    const section = sections.at(-1);
    const option = section?.options.at(-1);
    if (trim(line) === '' || line.startsWith('#')) {
      mayContinue = false;
    } else if (blanks.includes(line.charAt(0))) {
      if (!mayContinue || option === undefined) {
        return reject(at(1), 'a line may begin with white space only to continue the value above it');
      }
      option.parts.push(trim(line));
    } else if (line.startsWith('[')) {
      const [, name] = header.exec(line) ?? [];
      if (name === undefined) return reject(at(1), 'a section header is [NAME] and nothing else');
      sections.push({ name, at: at(1), options: [] });
      mayContinue = false;
    } else {
      if (section === undefined) return reject(at(1), 'there is no section header above this line');
      const end = line.search(/[:=]/);
      if (end === -1) return reject(at(1), 'this line is neither a section header nor NAME = VALUE');
      const name = trim(line.slice(0, end));
      if (name === '') return reject(at(1), 'there is no name before the sign');
      section.options.push({ name, parts: [trim(line.slice(end + 1))], at: at(1) });
      mayContinue = true;
    }
  }
  return sections.map((section) => ({
    ...section, options: section.options.map(({ name, parts, at }) => ({ name, value: parts.filter((part) => part !== '').join(' '), at })),
  }));
};
