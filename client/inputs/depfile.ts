/**
 * Reads the rule that `-M` writes, in make's quoting: `\ ` is a blank, `\#` a number sign, `$$` a dollar sign, and a backslash
 * at the end of a line joins it with the next. Backslashes are doubled before a blank only.
 *
 * @module
 */

/** More than any compile reads; a rule that is longer is refused. */
export const longestRule = 100_000;

/** The prerequisites of the one rule in `text`; undefined if there is no rule, or a longer one than {@link longestRule}. */
export const parseDepfile = (text: string): string[] | undefined => {
  const colon = /^(?:[^\\:]|\\[^])*?:(?=[ \t\r\n\\]|$)/.exec(text);
  if (colon === null) return undefined;
  const names: string[] = [];
  let name = '';
  const finish = (): void => {
    if (name !== '') names.push(name);
    name = '';
  };
  for (let at = colon[0].length; at < text.length; at++) {
    const character = text[at] as string;
    if (character === '\\') {
      let end = at;
      while (text[end] === '\\') end++;
      const count = end - at;
      const next = text[end];
      if (next === ' ' || next === '\t') {
        name += '\\'.repeat(count >> 1) + (count % 2 === 1 ? next : '');
        at = count % 2 === 1 ? end : end - 1;
      } else if (next === '#') {
        name += `${'\\'.repeat(count - 1)}#`;
        at = end;
      } else if (next === '\n' || (next === '\r' && text[end + 1] === '\n')) {
        name += '\\'.repeat(count - 1);
        finish();
        at = next === '\n' ? end : end + 1;
      } else {
        name += '\\'.repeat(count);
        at = end - 1;
      }
    } else if (character === '\n') {
      break;
    } else if (character === ' ' || character === '\t' || character === '\r') {
      finish();
      if (names.length > longestRule) return undefined;
    } else if (character === '$' && text[at + 1] === '$') {
      name += '$';
      at += 1;
    } else name += character;
  }
  finish();
  return names.length > longestRule ? undefined : names;
};
