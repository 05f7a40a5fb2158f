/**
 * What one server has of the contents that jobs of one session need, as far as this side can know, so that what it lacks goes along with
 * the list instead of waiting to be asked for. What was in an earlier list is there. Of the rest only experience tells: a server
 * that lately lacked most of what was new will lack the next new files too. A wrong guess costs a few bytes or a round trip.
 *
 * @module
 */
import type { NewFile } from '../../protocol/start-list.ts';

/** Contents that are remembered for a session. */
const mostKnown = 16_384;
/** Bytes and contents that one job sends unasked: beyond, asking costs little beside sending. */
const mostBytes = 256 * 1024;
const mostContents = 512;

/** What one job learns. */
export interface JobContents {
  /** Of files that are new to the session, those to send unasked. */
  toSend(files: readonly NewFile[]): readonly NewFile[];
  /** The server asks for these. */
  asked(digests: readonly string[]): void;
  /** The content did not get there. */
  forget(digest: string): void;
  /** The server has all it needs. */
  done(): void;
}

const fitting = (files: readonly NewFile[]): readonly NewFile[] => {
  let left = mostBytes;
  return files.filter(({ size }) => size <= left && (left -= size) >= 0).slice(0, mostContents);
};

export class Contents {
  /** Digests in the order in which they were first needed. */
  readonly #known = new Set<string>();
  /** Part of what was new and not sent unasked that the server lacked lately. */
  #lacking = 0;

  job(): JobContents {
    /** New to the server as far as we know, and not sent along. */
    const unsure = new Set<string>();
    let lacked = 0;
    return {
      toSend: (files) => {
        const unknown = files.filter(({ digest }) => this.#isNew(digest.toString('latin1')));
        const sent = this.#lacking < 0.5 ? [] : fitting(unknown);
        const along = new Set(sent);
        for (const file of unknown) if (!along.has(file)) unsure.add(file.digest.toString('hex'));
        return sent;
      },
      asked: (digests) => {
        for (const digest of digests) if (unsure.has(digest)) lacked += 1;
      },
      forget: (digest) => void this.#known.delete(Buffer.from(digest, 'hex').toString('latin1')),
      done: () => {
        if (unsure.size > 0) this.#lacking = (this.#lacking + lacked / unsure.size) / 2;
        unsure.clear();
      },
    };
  }

  #isNew(digest: string): boolean {
    if (this.#known.has(digest)) return false;
    this.#known.add(digest);
    if (this.#known.size > mostKnown) this.#known.delete(this.#known.values().next().value!);
    return true;
  }
}
