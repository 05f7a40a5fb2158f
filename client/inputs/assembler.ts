/**
 * Files that the assembler takes in, by directives of its own: in an assembler source, or in strings of another one.
 *
 * @module
 */
import type { QuestionSink } from './questions.ts';

/** In any case of letters, as assemblers read it. */
const assembler = /\.(incbin|include)\b[ \t]*(?:(\\?)"(?:([^"\\\n]{0,4096})(\\?)")?)?/gi;
/** A string that only ends in the word: a table of directives, a message. */
const endsThere = /^[ \t]*[,;:)}\]\n]/;

export const findAssembler = (text: string, sink: QuestionSink): void => {
  for (const { 0: whole, 1: keyword = '', 2: open, 3: name, 4: close, index } of text.matchAll(assembler)) {
    const isData = keyword.toLowerCase() === 'incbin';
    if (open === undefined) {
      if (isData) sink.unclear('assembler-file');
      continue;
    }
    if (name !== undefined && name !== '' && open === close) sink.ask(name, undefined);
    const isRead = name !== undefined && name !== '' && name === name.trim() && open === close;
    const after = index + whole.length - (name === undefined ? 0 : name.length + (close?.length ?? 0) + 1);
    if (!isRead && (isData || open !== '' || !endsThere.test(text.slice(after, after + 100)))) sink.unclear('assembler-file');
  }
};

const letterI = 'i'.charCodeAt(0);
const rest = /nc[bl]/iy;

/** Whether there may be such directives in a text: fast, for texts without. */
export const mayAssemble = (text: string): boolean => {
  for (let at = text.indexOf('.'); at !== -1; at = text.indexOf('.', at + 1)) {
    // Points are frequent: a pattern for each would take longer than one for all.
    if ((text.charCodeAt(at + 1) | 0x20) !== letterI) continue;
    rest.lastIndex = at + 2;
    if (rest.test(text)) return true;
  }
  return false;
};
