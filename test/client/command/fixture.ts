/** A directory with a few sources, and commands that are typed in it. */
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { understandCommand } from '../../../client/command/index.ts';
import type { Command, CommandRequest, CompileCommand } from '../../../client/command/index.ts';

export interface Place {
  readonly directory: string;
  /** Understands a command line that is split at spaces; the first word is a program in /usr/bin. */
  readonly type: (line: string, more?: Partial<CommandRequest>) => Promise<Command>;
}

export const place = (t: { teardown(done: () => void): void }): Place => {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'wardcc command-')));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  for (const name of ['src', 'out']) mkdirSync(join(directory, name));
  for (const name of ['a.c', 'src/b.cc', 'src/c.S', 'd.s', 'e.i', 'f.f90', 'conftest.c', 'h.h']) writeFileSync(join(directory, name),
    'int x;\n');
  return {
    directory,
    type: (line, more = {}) => {
      const argv = line.split(' ');
      return understandCommand({ argv, compiler: `/usr/bin/${argv[0]}`, cwd: directory, env: {}, ...more });
    },
  };
};

export const compileOf = (command: Command): CompileCommand => {
  if (command.kind !== 'compile') throw new Error(`local: ${command.reason} ${command.detail ?? ''}`);
  return command;
};
