/**
 * Alarms: a server's result is not what the same compile gives here. Each is a directory with a description and the objects, for whoever
 * investigates. The first ones are kept, so that a flood of later ones cannot push the evidence out.
 *
 * @module
 */
import { hash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Envelope } from '../../protocol/statement.ts';
import type { CompileCommand } from '../command/index.ts';
import type { Sent } from './judge.ts';

const mostKept = 50;

/** Where alarms lie in a cache directory. */
export const alarmDirectory = (cache: string): string => join(cache, 'alarms');

/** How many are kept there, from whichever agent. */
export const alarmsIn = (directory: string): number => {
  try {
    return readdirSync(directory).length;
  } catch {
    return 0;
  }
};

/** One server's result, and what came out here. */
export interface Difference {
  /** As it is named in the configuration. */
  readonly server: string;
  /** Who made it, by its own word. */
  readonly maker: string;
  readonly key: string | undefined;
  readonly envelope: Envelope | undefined;
  readonly command: CompileCommand;
  readonly toolchain: string;
  /** Indexes of the outputs that differ. */
  readonly outputs: readonly number[];
  readonly sent: Sent;
  readonly here: Sent;
}

const digestOf = (content: Buffer | undefined): string | null => (content === undefined ? null : hash('sha256', content, 'hex'));

export class Alarms {
  readonly directory: string;
  readonly #notices: string[] = [];

  constructor(directory: string) {
    this.directory = directory;
  }

  /** Keeps the evidence, and has the next job say so. Never rejects. */
  async raise(difference: Difference): Promise<void> {
    const { server, command, outputs } = difference;
    const first = command.outputs[outputs[0] ?? 0]!;
    const kept = await this.#keep(difference).catch(() => undefined);
    const where = kept === undefined ? '' : `; the evidence is in ${kept}`;
    this.#notices.push(`wardcc: ALARM: the server ${server} made another ${first.spelled} than this machine does, twice${where}. `
      + 'Do not use what it made; tell its administrator (docs/verify.md).\n');
  }

  /** What is to be told, once. */
  takeNotices(): string | undefined {
    return this.#notices.length === 0 ? undefined : this.#notices.splice(0).join('');
  }

  async #keep({ server, maker, key, envelope, command, toolchain, outputs, sent, here }: Difference): Promise<string | undefined> {
    if (alarmsIn(this.directory) >= mostKept) return undefined;
    const { argv, cwd, env, source, outputs: files } = command;
    const at = new Date().toISOString();
    const text = JSON.stringify({
      at, server, maker, key, toolchain, argv, cwd, env, source, envelope,
      outputs: outputs.map((index) => ({ path: files[index]!.path, server: digestOf(sent.get(index)), here: digestOf(here.get(index)) })),
    }, undefined, 2);
    const place = join(this.directory, `${at.replaceAll(/[:.]/g, '-')}-${hash('sha256', text, 'hex').slice(0, 8)}`);
    await mkdir(place, { recursive: true, mode: 0o700 });
    await writeFile(join(place, 'alarm.json'), `${text}\n`, { mode: 0o600 });
    for (const index of outputs) {
      for (const [who, content] of [['server', sent.get(index)], ['here', here.get(index)]] as const) {
        if (content !== undefined) await writeFile(join(place, `${who}-${basename(files[index]!.path)}`), content, { mode: 0o600 });
      }
    }
    return place;
  }
}
