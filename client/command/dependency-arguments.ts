/**
 * The command with everything left out that decides about outputs: what a run with `-M` needs to see the same headers.
 *
 * @module
 */
import type { Reading } from '../../policy/options/index.ts';

const left = new Set(['stage', 'destination', 'dependencies', 'output', 'auxiliary']);

/** Arguments after argv[0], source included, in their order. */
export const dependencyArguments = (argv: readonly string[], reading: Reading): string[] => {
  const options = new Map(reading.options.map(option => [option.index, option]));
  const kept: string[] = [];
  for (let index = 1; index < argv.length;) {
    const option = options.get(index);
    const consumed = option?.consumed ?? 1;
    if (option === undefined || !left.has(option.entry.effect.kind)) {
      kept.push(...argv.slice(index, index + consumed).map(withoutDependencies));
    }
    index += consumed;
  }
  return kept.filter(argument => argument !== '-Wp');
};

/** `-Wp,-MD,file,-DX` becomes `-Wp,-DX`. */
const withoutDependencies = (argument: string): string => {
  if (!argument.startsWith('-Wp,')) {
    return argument;
  }
  const pieces = argument.slice('-Wp,'.length).split(',');
  const kept: string[] = [];
  for (let index = 0; index < pieces.length; index += 1) {
    const piece = pieces[index] ?? '';
    if (/^-M(?:M?D|[TQ])$/.test(piece)) {
      index += 1;
    } else if (piece !== '-MP') {
      kept.push(piece);
    }
  }
  return ['-Wp', ...kept].join(',');
};
