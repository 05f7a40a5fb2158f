/** Thrown by the scanner when only the compiler can tell what is read; the message says what was in the way. @module */
export class AskCompiler extends Error {}
