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

const header = /^\[([^\]]*)\]\s*(?:#.*)?$/;

/** Splits a file into its sections. Attacker-controlled only if the access file is. */
export const readSections = (text: string, file: string): ConfigSection[] => {
  const sections: { name: string; at: string; options: { name: string; value: string; at: string }[] }[] = [];
  let mayContinue = false;
  for (const [index, line] of text.replace(/^\uFEFF/, '').split(/\r?\n/).entries()) {
    const at = (column: number): string => `${file}:${index + 1}:${column}`;
    const section = sections.at(-1);
    const option = section?.options.at(-1);
    if (line.trim() === '' || line.startsWith('#')) {
      mayContinue = false;
    } else if (/^\s/.test(line)) {
      if (!mayContinue || option === undefined) {
        return reject(at(1), 'a line may begin with white space only to continue the value above it');
      }
      option.value = `${option.value} ${line.trim()}`.trim();
    } else if (line.startsWith('[')) {
      const [, name] = header.exec(line) ?? [];
      if (name === undefined) return reject(at(1), 'a section header is [NAME] and nothing else');
      sections.push({ name, at: at(1), options: [] });
      mayContinue = false;
    } else {
      if (section === undefined) return reject(at(1), 'there is no section header above this line');
      const end = line.search(/[:=]/);
      if (end === -1) return reject(at(1), 'this line is neither a section header nor NAME = VALUE');
      const name = line.slice(0, end).trim();
      if (name === '') return reject(at(1), 'there is no name before the sign');
      section.options.push({ name, value: line.slice(end + 1).trim(), at: at(1) });
      mayContinue = true;
    }
  }
  return sections;
};
