/**
 * Asks for a passphrase on the terminal without showing it, or takes it from a file.
 *
 * @module
 */

import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { ReadStream, WriteStream } from 'node:tty';
import { WardError } from '../protocol/errors.ts';

const control = Object.freeze({ interrupt: '\x03', end: '\x04', backspace: '\b', erase: '\x7f', killLine: '\x15' });

const ask = (prompt: string): Promise<string> => {
  let descriptor: number;
  try {
    descriptor = openSync('/dev/tty', 'r+');
  } catch {
    throw new WardError('certs-refused', 'There is no terminal to ask for the passphrase on; use --passphrase-file.');
  }
  const input = new ReadStream(descriptor);
  const output = new WriteStream(descriptor);
  return new Promise((done, failed) => {
    let text = '';
    const finish = (result: () => void): void => {
      input.setRawMode(false);
      output.write('\n');
      input.destroy();
      result();
    };
    input.on('error', (cause) => failed(new WardError('certs-refused', 'The terminal cannot be read.', { cause })));
    input.on('data', (chunk: Buffer) => {
      for (const character of chunk.toString('utf8')) {
        if (character === '\r' || character === '\n') return finish(() => done(text));
        if (character === control.interrupt || character === control.end) {
          return finish(() => failed(new WardError('cancelled', 'No passphrase was given.')));
        }
        if (character === control.backspace || character === control.erase) text = [...text].slice(0, -1).join('');
        else if (character === control.killLine) text = '';
        else text += character;
      }
    });
    input.setRawMode(true);
    output.write(prompt);
  });
};

const fromFile = (path: string): string => {
  let descriptor: number;
  try {
    descriptor = openSync(path, 'r');
  } catch (cause) {
    throw new WardError('certs-refused', `The passphrase file ${path} cannot be read.`, { cause });
  }
  try {
    const status = fstatSync(descriptor);
    if (status.isFile() && (status.mode & 0o077) !== 0) {
      throw new WardError('certs-refused', `The passphrase file ${path} is open to others: chmod 600.`);
    }
    const [line = ''] = readFileSync(descriptor, 'utf8').split(/\r?\n/, 1);
    if (line === '') throw new WardError('certs-refused', `The passphrase file ${path} is empty.`);
    return line;
  } finally {
    closeSync(descriptor);
  }
};

/**
 * The passphrase, from the first line of `file` or else from the terminal (asked a second time where a new one is chosen).
 *
 * @throws WardError `certs-refused`: no terminal, an empty passphrase, two that differ, a file that others can read
 */
export const readPassphrase = async (
  file: string | undefined, { prompt, twice = false }: { prompt: string; twice?: boolean },
): Promise<string> => {
  if (file !== undefined) return fromFile(file);
  const first = await ask(prompt);
  if (first === '') throw new WardError('certs-refused', 'An empty passphrase protects nothing.');
  if (twice && (await ask('The same again: ')) !== first) throw new WardError('certs-refused', 'The two passphrases differ.');
  return first;
};
