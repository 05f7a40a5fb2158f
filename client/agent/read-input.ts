/**
 * The content of an input file at the moment a server asks for it.
 *
 * @module
 */
import { hash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { WardError } from '../../protocol/errors.ts';

/** @throws WardError `input-missing` when the file is gone or is not what it was when the job was prepared */
export function readInput(path: string, digest: string): Buffer {
  let content: Buffer;
  try {
    content = readFileSync(path);
  } catch (cause) {
    throw new WardError('input-missing', `The input ${path} vanished while the job was prepared.`, { at: path, cause });
  }
  if (hash('sha256', content, 'hex') !== digest) throw new WardError('input-missing', `The input ${path} changed while the job was prepared.`, { at: path });
  return content;
}
