/**
 * What is sent of a command: everything that its result can depend on, and its inputs when a server asks for them.
 *
 * @module
 */
import { randomUUID } from 'node:crypto';
import { WardError } from '../../protocol/errors.ts';
import type { CompileCommand } from '../command/index.ts';
import type { FarmJob } from '../farm/farm.ts';
import type { Inputs } from '../inputs/types.ts';
import { readInput } from './read-input.ts';

/** @param toolchain digest of the compiler */
export function assemble(command: CompileCommand, inputs: Inputs, toolchain: string, project: string, umask: number): FarmJob {
  const tree = inputs.encoded;
  return {
    tree,
    blob: (digest) => {
      const path = inputs.fileWith(Buffer.from(digest, 'hex'));
      if (path === undefined) throw new WardError('protocol-violation', 'The server asked for a file that is no input of this job.');
      return readInput(path, digest);
    },
    probe: {
      id: randomUUID(),
      project,
      toolchain,
      compiler: command.compiler,
      language: command.language,
      argv: [...command.argv],
      env: { ...command.env },
      cwd: command.cwd,
      ...(command.pwd === undefined ? {} : { pwd: command.pwd }),
      umask,
      outputs: command.outputs.map(({ path }) => path),
      tree: inputs.digest,
      treeBytes: tree.length,
      inputBytes: inputs.bytes,
    },
  };
}
