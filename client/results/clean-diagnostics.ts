/**
 * Diagnostics of a compiler that ran on a server, made safe for a terminal. Attacker-controlled: colours (SGR), the erase
 * that gcc sends with them, and gcc's links (OSC 8) stay; every other control sequence and control character goes, also those
 * that are U+0080 to U+009F in UTF-8: terminals take them for the sequences that begin with ESC.
 *
 * @module
 */

/** ECMA-48: `ESC [ … m` sets colours, `ESC [ K` erases to the end of the line; OSC 8 marks a link and ends in BEL or ST. */
const allowed = /\u001b\[[0-9;:]*[mK]|\u001b\]8;[\u0020-\u007e]*(?:\u0007|\u001b\\)/y;
const carriageReturn = 0x0d;

const c1Lead = 0xc2;

/** The second byte of a control character U+0080 to U+009F in UTF-8, whose first byte came before. */
const isC1 = (before: number | undefined, byte: number): boolean => before === c1Lead && byte >= 0x80 && byte <= 0x9f;

const isControl = (byte: number): boolean => (byte < 0x20 && byte !== 0x09 && byte !== 0x0a) || byte === 0x7f;

/** The same bytes where nothing is wrong with them, without a copy. Source lines in any encoding pass as they are. */
export function cleanDiagnostics(bytes: Buffer): Buffer {
  if (!hasControl(bytes)) return bytes;
  const text = bytes.toString('latin1');
  let clean = '';
  for (let at = 0; at < text.length; ) {
    allowed.lastIndex = at;
    const sequence = text.charCodeAt(at) === 0x1b ? allowed.exec(text)?.[0] : undefined;
    if (sequence !== undefined) clean += sequence;
    else if (isC1(clean.charCodeAt(clean.length - 1), text.charCodeAt(at))) clean = clean.slice(0, -1);
    else if (!isControl(text.charCodeAt(at)) || isLineEnd(text, at)) clean += text[at];
    at += sequence?.length ?? 1;
  }
  return Buffer.from(clean, 'latin1');
}

/** A source line of a file with CRLF is printed with its CR. */
const isLineEnd = (text: string, at: number): boolean => text.charCodeAt(at) === carriageReturn && text.charCodeAt(at + 1) === 0x0a;

function hasControl(bytes: Buffer): boolean {
  let before: number | undefined;
  for (const byte of bytes) {
    if (isControl(byte) || isC1(before, byte)) return true;
    before = byte;
  }
  return false;
}
