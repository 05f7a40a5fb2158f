/**
 * The files of minisign (https://jedisct1.github.io/minisign/): keys and signatures as text, two or four lines each.
 *
 * What always holds: one spelling. White space inside base64, text behind it, lines too many, control characters in a comment: refused.
 *
 * @module
 */
import { WardError } from '../../protocol/errors.ts';

export interface PublicKey {
  /** Eight bytes that name the key. */
  readonly id: Buffer;
  readonly key: Buffer;
}

export interface Signature {
  readonly id: Buffer;
  readonly signature: Buffer;
  /** Signed too. */
  readonly trustedComment: string;
  /** Over signature and trusted comment. */
  readonly global: Buffer;
}

const prehashed = 'ED';
const plain = 'Ed';
const untrusted = 'untrusted comment: ';
const trusted = 'trusted comment: ';
/** As minisign has them. */
const longestComment = 8192;

const refuse = (file: string, sentence: string): WardError => new WardError('config-invalid', `${file}: ${sentence}`, { at: file });

const decode = (text: string, bytes: number): Buffer | undefined => {
  const decoded = Buffer.from(text, 'base64');
  return decoded.length === bytes && decoded.toString('base64') === text ? decoded : undefined;
};

const lines = (text: string): string[] => text.replace(/\r?\n$/, '').split(/\r?\n/);

/** Reads a public key: the line of base64, or the two lines of a `.pub` file. @throws WardError `config-invalid` */
export const parsePublicKey = (text: string, file: string): PublicKey => {
  const [first = '', second, ...more] = lines(text);
  const bytes = decode(second ?? first, 42);
  const isWhole = more.length === 0 && (second === undefined || first.startsWith(untrusted));
  if (!isWhole || bytes === undefined || bytes.toString('latin1', 0, 2) !== plain) throw refuse(file, 'this is no public key of minisign');
  return { id: bytes.subarray(2, 10), key: bytes.subarray(10) };
};

export const formatPublicKey = ({ id, key }: PublicKey): string => Buffer.concat([Buffer.from(plain), id, key]).toString('base64');

/** As minisign prints it. */
export const printKeyId = (id: Buffer): string => Buffer.from(id).reverse().toString('hex').toUpperCase();

/** Attacker-controlled. @throws WardError `config-invalid` for what is no signature, or one that is not prehashed */
export const parseSignature = (text: string, file: string): Signature => {
  const [first = '', second = '', third = '', fourth = '', ...more] = lines(text);
  const bytes = decode(second, 74);
  const global = decode(fourth, 64);
  const comment = third.slice(trusted.length);
  const isForm = more.length === 0 && first.startsWith(untrusted) && third.startsWith(trusted);
  const isComment = comment.length <= longestComment && !/[\u0000-\u0008\u000a-\u001f\u007f]/.test(comment);
  if (!isForm || !isComment || bytes === undefined || global === undefined) throw refuse(file, 'this is no signature of minisign');
  const algorithm = bytes.toString('latin1', 0, 2);
  if (algorithm === plain) throw refuse(file, 'the signature is of the old kind, over the whole file: sign with minisign -H');
  if (algorithm !== prehashed) throw refuse(file, 'the signature is of an unknown kind');
  return { id: bytes.subarray(2, 10), signature: bytes.subarray(10), trustedComment: comment, global };
};

export const formatSignature = ({ id, signature, trustedComment, global }: Signature, comment: string): string => {
  const bytes = Buffer.concat([Buffer.from(prehashed), id, signature]);
  return `${untrusted}${comment}\n${bytes.toString('base64')}\n${trusted}${trustedComment}\n${global.toString('base64')}\n`;
};
