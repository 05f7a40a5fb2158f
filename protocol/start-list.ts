/**
 * The list of inputs as START carries it. Trees of one session have most of their entries in common, so each entry crosses the wire
 * once: both sides keep the new bytes of all START frames in one dictionary, in the order in which the frames cross the wire, and
 * later lists name ranges of it. A START frame is taken as a whole whatever becomes of its job, so the two never disagree; when
 * the dictionary is full, the client begins a new one.
 *
 *   u16 count ‖ count × u32 index of an entry whose content comes unasked ‖ steps, to the end of the payload:
 *     u32 length, top bit 0 ‖ that many new bytes          u32 length, top bit 1 ‖ u32 offset in the dictionary
 *
 * The bytes that the steps give are the beginning of the encoded tree; the rest of a long one follows as DATA.
 *
 * @module
 */
import { WardError } from './errors.ts';
import { limits } from './limits.ts';
import { sliceTree } from './tree.ts';

/** New bytes, and steps, in one START: these frames wait for no credit. */
const newBytesAtOnce = 64 * 1024;
const stepsAtOnce = 6 * 1024;
const COPY = 0x8000_0000;

/** A file of a list whose entry the session has not seen before. */
export interface NewFile {
  /** Place in the list. */
  readonly index: number;
  /** View of its SHA-256. */
  readonly digest: Buffer;
  readonly size: number;
}

export interface WrittenList {
  /** The dictionary begins anew with this list. */
  readonly fresh: boolean;
  readonly steps: readonly Buffer[];
  /** Bytes of the tree that the steps give. */
  readonly taken: number;
  readonly newFiles: readonly NewFile[];
}

const step = (length: number, offset?: number): Buffer => {
  const bytes = Buffer.allocUnsafe(offset === undefined ? 4 : 8);
  bytes.writeUInt32BE(offset === undefined ? length : (length | COPY) >>> 0);
  if (offset !== undefined) bytes.writeUInt32BE(offset, 4);
  return bytes;
};

/** The client's side of the dictionary. */
export class ListWriter {
  /** Bytes of an entry → where they lie. */
  readonly #offsets = new Map<string, number>();
  #length = 0;

  /** A tree of this side's own encoder, as steps. What is returned must be sent, in the order of the calls. */
  write(tree: Buffer): WrittenList {
    const fresh = this.#length + newBytesAtOnce > limits.dictionaryBytes;
    if (fresh) {
      this.#offsets.clear();
      this.#length = 0;
    }
    const before = this.#length;
    const steps: Buffer[] = [];
    const newFiles: NewFile[] = [];
    let taken = 0;
    /** The step under construction: a range of the tree that is new, or of the dictionary. */
    let from = 0;
    let copied: number | undefined;
    const finish = (): void => {
      if (taken > from) steps.push(...(copied === undefined ? [step(taken - from), tree.subarray(from, taken)] : [step(taken - from, copied)]));
    };
    for (const { start, end, index, digest, size } of sliceTree(tree)) {
      const key = tree.toString('latin1', start, end);
      const known = this.#offsets.get(key);
      if (known === undefined && this.#length - before + end - start > newBytesAtOnce) break;
      if (steps.length > stepsAtOnce) break;
      const goesOn = known === undefined ? copied === undefined : copied !== undefined && copied + start - from === known;
      if (!goesOn) {
        finish();
        from = start;
        copied = known;
      }
      taken = end;
      if (known !== undefined) continue;
      this.#offsets.set(key, this.#length);
      this.#length += end - start;
      if (digest !== undefined) newFiles.push({ index, digest, size });
    }
    finish();
    return { fresh, steps, taken, newFiles };
  }
}

/** The payload of a START frame. */
export const encodeStart = ({ steps }: WrittenList, unasked: readonly number[]): Buffer => {
  const head = Buffer.allocUnsafe(2 + 4 * unasked.length);
  head.writeUInt16BE(unasked.length);
  unasked.forEach((index, place) => head.writeUInt32BE(index, 2 + 4 * place));
  return Buffer.concat([head, ...steps]);
};

/** A list as it came: ranges of the dictionary. */
export class StartList {
  /** Indexes of entries whose contents the client sends without being asked. Attacker-controlled. */
  readonly unasked: readonly number[];
  /** How many bytes the steps give. */
  readonly length: number;
  readonly #dictionary: Buffer;
  /** Offset and length in turn. */
  readonly #ranges: readonly number[];

  constructor(unasked: readonly number[], length: number, dictionary: Buffer, ranges: readonly number[]) {
    this.unasked = unasked;
    this.length = length;
    this.#dictionary = dictionary;
    this.#ranges = ranges;
  }

  /** Writes the bytes of the list to the beginning of `target`, which must have room for them. */
  copyTo(target: Buffer): void {
    let at = 0;
    for (let index = 0; index < this.#ranges.length; index += 2) {
      const offset = this.#ranges[index]!;
      at += this.#dictionary.copy(target, at, offset, offset + this.#ranges[index + 1]!);
    }
  }
}

const broken = (sentence: string): WardError => new WardError('protocol-violation', sentence);

/** The server's side of the dictionary. */
export class ListReader {
  #dictionary = Buffer.alloc(0);
  #length = 0;

  /** Attacker-controlled: all of it. The list in the payload of a START frame; `fresh`: its dictionary begins anew. */
  read(payload: Buffer, fresh: boolean): StartList {
    if (fresh) {
      // Not emptied but left behind: lists of before may still be read.
      this.#dictionary = Buffer.alloc(0);
      this.#length = 0;
    }
    const count = payload.readUInt16BE(0);
    let at = 2 + 4 * count;
    if (at > payload.length) throw broken('A START frame ends too early.');
    const unasked = Array.from({ length: count }, (_, place) => payload.readUInt32BE(2 + 4 * place));
    const ranges: number[] = [];
    let total = 0;
    while (at < payload.length) {
      if (at + 4 > payload.length) throw broken('A START frame ends too early.');
      const word = payload.readUInt32BE(at);
      const length = word & ~COPY;
      const copy = word >= COPY;
      at += 4;
      if (length === 0 || at + (copy ? 4 : length) > payload.length) throw broken('A START frame has a step without bytes.');
      const offset = copy ? payload.readUInt32BE(at) : this.#append(payload.subarray(at, at + length));
      if (offset + length > this.#length) throw broken('A START frame names bytes that the session has not seen.');
      at += copy ? 4 : length;
      ranges.push(offset, length);
      total += length;
      if (total > limits.treeBytes) throw new WardError('limit-exceeded', `A START frame stands for more than ${limits.treeBytes} bytes.`);
    }
    return new StartList(unasked, total, this.#dictionary, ranges);
  }

  #append(bytes: Buffer): number {
    const offset = this.#length;
    const length = offset + bytes.length;
    if (length > limits.dictionaryBytes) {
      throw new WardError('limit-exceeded', `The lists of a session have more than ${limits.dictionaryBytes} bytes of their own.`);
    }
    if (length > this.#dictionary.length) {
      const larger = Buffer.allocUnsafeSlow(Math.min(limits.dictionaryBytes, Math.max(16 * 1024, 2 * length)));
      this.#dictionary.copy(larger, 0, 0, offset);
      this.#dictionary = larger;
    }
    bytes.copy(this.#dictionary, offset);
    this.#length = length;
    return offset;
  }
}
