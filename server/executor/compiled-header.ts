/**
 * Precompiled headers and compiled modules are images of a compiler's memory, and the compiler believes them. How they are recognised among
 * the inputs of a job.
 *
 * @module
 */

/** Compilers take a file of such a name in the place of the header or module that it was made from, or find it by that of one. */
export const isCompiledName = (path: string): boolean => /\.(?:gch|pch|gcm)$/.test(path);

/** How the images of gcc and of clang begin. */
const beginnings: ReadonlySet<string> = new Set(['gpch', 'CPCH']);

/**
 * Whether a content is one, whatever its name says: gcc takes a precompiled header from any place that a preprocessed text names
 * (`#pragma GCC pch_preprocess`). Attacker-controlled.
 */
export const beginsAsCompiled = (content: Buffer): boolean => beginnings.has(content.toString('latin1', 0, 4));
