/**
 * Diagnostics of a compiler that ran on a server, made safe for a terminal. Attacker-controlled: colours (SGR), the erase
 * that gcc sends with them, and gcc's links (OSC 8) stay; every other control sequence and control character goes, also those
 * that are U+0080 to U+009F in UTF-8: terminals take them for the sequences that begin with ESC.
 *
 * @module
 */

const [escape, carriageReturn, newline, bell] = [0x1b, 0x0d, 0x0a, 0x07];
const c1Lead = 0xc2;

/** The second byte of a control character U+0080 to U+009F in UTF-8, whose first byte came before. */
const isC1 = (before: number | undefined, byte: number): boolean => before === c1Lead && byte >= 0x80 && byte <= 0x9f;

const isControl = (byte: number): boolean => (byte < 0x20 && byte !== 0x09 && byte !== 0x0a) || byte === 0x7f;

/** Digits, `;` and `:`. */
const isParameter = (byte: number | undefined): boolean => byte !== undefined && byte >= 0x30 && byte <= 0x3b;
const isPrintable = (byte: number | undefined): boolean => byte !== undefined && byte >= 0x20 && byte <= 0x7e;

/** The same bytes where nothing is wrong with them, without a copy. Source lines in any encoding pass as they are. One pass, however long the text. */
export function cleanDiagnostics(bytes: Buffer): Buffer {
  if (!hasControl(bytes)) return bytes;
  const clean = Buffer.allocUnsafe(bytes.length);
  let length = 0;
  for (let at = 0; at < bytes.length; ) {
    const byte = bytes[at]!;
    const end = byte === escape ? endOfSequence(bytes, at) : undefined;
    if (end !== undefined) length += bytes.copy(clean, length, at, end);
    else if (isC1(clean[length - 1], byte)) length -= 1;
    else if (!isControl(byte) || isLineEnd(bytes, at)) clean[length++] = byte;
    at = end ?? at + 1;
  }
  return clean.subarray(0, length);
}

/** ECMA-48: `ESC [ … m` sets colours, `ESC [ K` erases to the end of the line; OSC 8 marks a link and ends in BEL or ST. Undefined: nothing that may stay. */
function endOfSequence(bytes: Buffer, start: number): number | undefined {
  if (bytes[start + 1] === 0x5b) {
    let at = start + 2;
    while (isParameter(bytes[at])) at++;
    return bytes[at] === 0x6d || bytes[at] === 0x4b ? at + 1 : undefined;
  }
  if (bytes.toString('latin1', start + 1, start + 4) !== ']8;') return undefined;
  let at = start + 4;
  while (isPrintable(bytes[at])) at++;
  if (bytes[at] === bell) return at + 1;
  return bytes[at] === escape && bytes[at + 1] === 0x5c ? at + 2 : undefined;
}

/** A source line of a file with CRLF is printed with its CR. */
const isLineEnd = (bytes: Buffer, at: number): boolean => bytes[at] === carriageReturn && bytes[at + 1] === newline;

function hasControl(bytes: Buffer): boolean {
  let before: number | undefined;
  for (const byte of bytes) {
    if (isControl(byte) || isC1(before, byte)) return true;
    before = byte;
  }
  return false;
}
