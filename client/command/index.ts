/**
 * Understanding compiler commands.
 *
 * @module
 */
export { localReasons } from './reasons.ts';
export { checkoutMark, commonCheckout, moveCommand } from './checkout.ts';
export { understandCommand } from './understand.ts';
export type { LocalReason } from './reasons.ts';
export type { Command, CommandOutput, CommandRequest, CompileCommand, LocalCommand } from './types.ts';
