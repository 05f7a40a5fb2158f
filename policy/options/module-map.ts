/**
 * The text of a module map (`-fmodule-mapper=FILE`), as far as it may be sent: one that names no module. A compiled module is a
 * binary input.
 *
 * @module
 */

/** A map that is longer names modules, or nonsense. */
export const longestModuleMap = 4096;

/** Attacker-controlled. Lines that are empty, or say under which directory modules would lie. */
export const namesNoModule = (text: string): boolean =>
  text.length <= longestModuleMap && text.split('\n').every((line) => /^[ \t\r]*$|^\$root[ \t]+[\w.,+%/-]+[ \t\r]*$/.test(line));
