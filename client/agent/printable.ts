/**
 * Text that a server may have written must not steer the terminal it is printed on.
 *
 * @module
 */

/** Control characters become `?`, line ends blanks. Attacker-controlled by a hostile server. */
export const printable = (text: string): string =>
  text.trim().replaceAll('\n', ' ').replaceAll(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, '?');
