/**
 * Which language a file is compiled as: by -x, else by its suffix and the driver that was called.
 *
 * @module
 */

/** Languages that travel, by the names that -x takes. */
export const languages = ['c', 'c++', 'objective-c', 'objective-c++', 'cpp-output', 'c++-cpp-output', 'objective-c-cpp-output',
  'objective-c++-cpp-output', 'assembler-with-cpp', 'c-header', 'c++-header'] as const;

export type Language = typeof languages[number];

export const isLanguage = (name: string): name is Language => (languages as readonly string[]).includes(name);

const suffixes: ReadonlyMap<string, Language> = new Map<string, Language>([
  ['.c', 'c'], ['.i', 'cpp-output'], ['.m', 'objective-c'], ['.S', 'assembler-with-cpp'], ['.sx', 'assembler-with-cpp'],
  ['.cc', 'c++'], ['.cp', 'c++'], ['.cxx', 'c++'], ['.cpp', 'c++'], ['.CPP', 'c++'], ['.c++', 'c++'], ['.C', 'c++'],
  ['.h', 'c-header'], ['.hh', 'c++-header'], ['.H', 'c++-header'], ['.hp', 'c++-header'], ['.hxx', 'c++-header'], ['.hpp', 'c++-header'],
  ['.HPP', 'c++-header'], ['.h++', 'c++-header'], ['.tcc', 'c++-header'],
  ['.ii', 'c++-cpp-output'], ['.mm', 'objective-c++'], ['.M', 'objective-c++'],
]);

/** What g++ and clang++ make of files that are C to gcc and clang. */
const inCxxDriver: ReadonlyMap<Language, Language> = new Map<Language, Language>([['c', 'c++'], ['cpp-output', 'c++-cpp-output'],
  ['c-header', 'c++-header']]);

/** Languages whose output is a precompiled header. */
export const isHeader = (language: string): boolean => language.endsWith('-header');

/** The part of a file name from its last dot on; empty without one. */
export const suffixOf = (path: string): string => {
  const name = path.slice(path.lastIndexOf('/') + 1);
  const dot = name.lastIndexOf('.');
  return dot < 0 ? '' : name.slice(dot);
};

/**
 * @param forced the -x in force before the file, if any
 * @returns undefined for a language that does not travel (assembler, Fortran, an object file, …)
 */
export const languageOf = (path: string, forced: string | undefined, driver: 'c' | 'c++'): Language | undefined => {
  if (forced !== undefined) {
    return isLanguage(forced) ? forced : undefined;
  }
  const language = suffixes.get(suffixOf(path));
  return language === undefined || driver === 'c' ? language : inCxxDriver.get(language) ?? language;
};
