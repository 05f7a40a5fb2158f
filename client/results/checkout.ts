/**
 * The result of a command that was sent as if its checkout lay in the common place, as it would have come of the real one. An
 * object that speaks of the common place can't be that; in diagnostics the real directory takes its place, and a dependency file
 * is laid out again, because compilers break its lines by the length of names.
 *
 * @module
 */
import { checkoutMark, commonCheckout, type CompileCommand } from '../command/index.ts';
import { mapRule } from './dependency-rule.ts';
import type { KeptResult } from './result-file.ts';

const mark = Buffer.from(checkoutMark);
/** The whole common path, not a part of a longer name. */
const place = new RegExp(`${commonCheckout}(?![\\w.+-])`, 'g');

/** Undefined if something shows where it was made, or may do so. */
export const fromCheckout = <T extends KeptResult>(result: T, { checkout, family, outputs }: CompileCommand): T | undefined => {
  if (checkout === undefined) return result;
  const restored: KeptResult['outputs'][number][] = [];
  for (const output of result.outputs) {
    if (!output.content.includes(mark)) restored.push(output);
    else {
      const isRule = family === 'gcc' && outputs[output.index]?.role === 'depfile';
      const content = isRule ? mapRule(output.content, (name) => restore(name, checkout)) : undefined;
      if (content === undefined) return undefined;
      restored.push({ ...output, content });
    }
  }
  const [stdout, stderr] = [result.stdout, result.stderr].map((text) => restoreBytes(text, checkout));
  return stdout === undefined || stderr === undefined ? undefined : { ...result, stdout, stderr, outputs: restored };
};

const restore = (text: string, checkout: string): string | undefined => {
  const restored = text.replace(place, checkout);
  return restored.includes(checkoutMark) ? undefined : restored;
};

const restoreBytes = (text: Buffer, checkout: string): Buffer | undefined => {
  if (!text.includes(mark)) return text;
  const restored = restore(text.toString('latin1'), checkout);
  return restored === undefined ? undefined : Buffer.from(restored, 'latin1');
};
