/**
 * Which files a command writes, named exactly as gcc and clang name them. Paths are as the command spells them: relative
 * ones belong to its working directory.
 *
 * @module
 */
import { isHeader, languageOf, suffixOf } from './languages.ts';
import type { Reading } from './arguments.ts';
import type { Family, OutputRole } from './types.ts';

export interface OutputFile {
  readonly role: OutputRole;
  readonly path: string;
}

/**
 * The files of a command without misfits, main output first. Both families name further files after -o, or after the
 * source in the working directory; only the first file is sure to be written by a compile that succeeds.
 */
export const deriveOutputs = (reading: Reading, family: Family): OutputFile[] => {
  const source = reading.sources[0]?.path ?? '';
  const main = mainOutput(reading, source);
  const fromSource = withoutSuffix(baseName(source));
  const stem = reading.destination === undefined ? fromSource : withoutSuffix(reading.destination);
  const files: OutputFile[] = [main];
  const { dependencies } = reading;
  if (dependencies.asked !== undefined) {
    files.push({ role: 'depfile', path: dependencies.file ?? `${stem}.d` });
  }
  for (const { role, suffix, objectOnly } of reading.auxiliary) {
    if (family === 'clang' && role === 'dwo') {
      files.push({ role, path: (main.role === 'assembly' ? fromSource : stem) + suffix });
    } else if (objectOnly !== true || main.role !== 'assembly') {
      files.push({ role, path: (family === 'gcc' && baseName(stem) === '' ? stem + suffixOf(main.path) : stem) + suffix });
    }
  }
  for (const { role, path } of reading.outputs) {
    files.push({ role, path });
  }
  return files;
};

const mainOutput = (reading: Reading, source: string): OutputFile => {
  const assembly = reading.stages.has('assembly');
  const bitcode = reading.stages.has('bitcode');
  const suffix = bitcode ? (assembly ? '.ll' : '.bc') : assembly ? '.s' : '.o';
  const language = languageOf(source, reading.sources[0]?.language, 'c') ?? '';
  if (isHeader(language)) {
    return { role: 'precompiled', path: reading.destination ?? `${source}.gch` };
  }
  const role: OutputRole = bitcode ? 'bitcode' : assembly ? 'assembly' : 'object';
  return { role, path: reading.destination ?? withoutSuffix(baseName(source)) + suffix };
};

const baseName = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

const withoutSuffix = (path: string): string => {
  const suffix = suffixOf(path);
  return suffix === '' ? path : path.slice(0, -suffix.length);
};
