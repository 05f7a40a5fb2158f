/**
 * Remembers with which options results showed that they were made in the common checkout. Each of them was compiled in vain, so
 * after a few of them such commands are sent as they were typed.
 *
 * @module
 */
import type { CompileCommand } from '../command/index.ts';

const enough = 3;
const mostKnown = 1000;

export class Displaced {
  readonly #counts = new Map<string, number>();

  /** The command as it is to be sent. */
  settle(command: CompileCommand): CompileCommand {
    return command.checkout !== undefined && (this.#counts.get(keyOf(command)) ?? 0) >= enough ? asTyped(command) : command;
  }

  /** The result of this command could not be used. */
  count(command: CompileCommand): void {
    if (this.#counts.size >= mostKnown) this.#counts.clear();
    const key = keyOf(command);
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
  }
}

/** The command without a common checkout. */
export const asTyped = ({ checkout: _, ...command }: CompileCommand): CompileCommand => command;

const keyOf = ({ compiler, dependencyArguments, source }: CompileCommand): string => {
  const name = source.slice(source.lastIndexOf('/') + 1);
  return JSON.stringify([compiler, ...dependencyArguments.filter((argument) => !argument.endsWith(name))]);
};
