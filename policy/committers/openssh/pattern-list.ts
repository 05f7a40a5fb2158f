/**
 * OpenSSH's pattern lists (PATTERNS in ssh_config(5)): alternatives with commas between them, `*` and `?`, and `!` before one
 * that must not match.
 *
 * @module
 */

/** Does one pattern match the whole of the text? Upper and lower case differ. Linear but for one point to come back to. */
export const matchPattern = (pattern: string, text: string): boolean => {
  let [p, t, starPattern, starText] = [0, 0, -1, 0];
  while (t < text.length) {
    if (pattern[p] === '*') {
      [starPattern, starText] = [p, t];
      p += 1;
    } else if (p < pattern.length && (pattern[p] === '?' || pattern[p] === text[t])) {
      p += 1;
      t += 1;
    } else if (starPattern >= 0) {
      starText += 1;
      [p, t] = [starPattern + 1, starText];
    } else {
      return false;
    }
  }
  while (pattern[p] === '*') p += 1;
  return p === pattern.length;
};

/** Does some pattern match and none that is negated? A list of nothing but negated patterns matches nothing. */
export const matchList = (list: string, text: string): boolean => {
  let isMatch = false;
  for (const item of list.split(',')) {
    if (item.startsWith('!')) {
      if (matchPattern(item.slice(1), text)) return false;
    } else if (matchPattern(item, text)) {
      isMatch = true;
    }
  }
  return isMatch;
};

/** The names in a list that has no wildcards and no negation; undefined if it has. */
export const literalNames = (list: string): string[] | undefined =>
  /[*?!]/.test(list) ? undefined : list.split(',').filter((name) => name !== '');
