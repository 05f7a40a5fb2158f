/**
 * Looking for what most texts don't have. A word is found by one search of the engine's own, several times faster than a pattern; only
 * where it stands, which is rare, a pattern decides.
 *
 * @module
 */

/** @param by a sticky pattern for what follows; what comes before is for it to look back at */
export const isFollowed = (text: string, word: string, by: RegExp): boolean => {
  for (let at = text.indexOf(word); at !== -1; at = text.indexOf(word, at + 1)) {
    by.lastIndex = at + word.length;
    if (by.test(text)) return true;
  }
  return false;
};
