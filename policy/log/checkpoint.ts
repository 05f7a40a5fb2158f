/**
 * What a server's keeper signs: statements about results of jobs, and checkpoints of its log. The texts begin differently, so one can't
 * pass for the other.
 *
 * @module
 */
import { createHash, sign, verify, type KeyObject } from 'node:crypto';
import { WardError } from '../../protocol/errors.ts';
import { preAuthentication } from '../../protocol/statement.ts';
import { compileSchema, readJsonc } from '../jsonc.ts';
import type { ChainEnd } from './record.ts';

/** Names an Ed25519 public key: the first 16 hex digits of SHA-256 over its DER (SubjectPublicKeyInfo). */
export const keyId = (publicKey: KeyObject): string =>
  createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('hex')
    .slice(0, 16);

/** Ed25519 signature in base64 over a statement about a result, as DSSE encodes it. */
export const signResult = (statement: string, key: KeyObject): string => sign(null, preAuthentication(Buffer.from(statement)), key).toString('base64');

/** A signature has one spelling: what Buffer would forgive (white space, text after the padding) is refused. */
const holds = (text: Buffer, signature: string, key: KeyObject): boolean => {
  const bytes = Buffer.from(signature, 'base64');
  return bytes.toString('base64') === signature && verify(null, text, key, bytes);
};

/** Attacker-controlled: true only for a signature that `key`'s owner made over exactly this statement. */
export const verifyResult = (statement: string | Buffer, signature: string, key: KeyObject): boolean =>
  holds(preAuthentication(Buffer.from(statement)), signature, key);

export interface Checkpoint extends ChainEnd {
  /** Whose log it is. */
  readonly origin: string;
  readonly time: string;
  readonly key: string;
  readonly signature: string;
}

type Unsigned = Omit<Checkpoint, 'signature'>;

const checkpointText = ({ origin, seq, hash, time, key }: Unsigned): Buffer =>
  Buffer.from(`wardcc checkpoint 1\n${JSON.stringify(origin)}\n${seq}\n${hash}\n${time}\n${key}\n`);

export const signCheckpoint = (end: ChainEnd, origin: string, time: Date, key: KeyObject, publicKey: KeyObject): Checkpoint => {
  const unsigned = { origin, seq: end.seq, hash: end.hash, time: time.toISOString(), key: keyId(publicKey) };
  return { ...unsigned, signature: sign(null, checkpointText(unsigned), key).toString('base64') };
};

export const verifyCheckpoint = (checkpoint: Checkpoint, key: KeyObject): boolean =>
  checkpoint.key === keyId(key) && holds(checkpointText(checkpoint), checkpoint.signature, key);

const schema = compileSchema<Checkpoint>({
  type: 'object',
  additionalProperties: false,
  required: ['origin', 'seq', 'hash', 'time', 'key', 'signature'],
  properties: {
    origin: { type: 'string', maxLength: 256 },
    seq: { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER },
    hash: { type: 'string', pattern: '^[0-9a-f]{64}$', description: 'a SHA-256 digest in hex' },
    time: { type: 'string', maxLength: 32 },
    key: { type: 'string', pattern: '^[0-9a-f]{16}$', description: 'the name of a key' },
    signature: { type: 'string', pattern: '^[A-Za-z0-9+/]{86}==$', description: 'an Ed25519 signature in base64' },
  },
});

/** Reads a checkpoint file. Throws `config-invalid`; with a key, also when the signature is not that key's. */
export const readCheckpoint = async (file: string, key?: KeyObject): Promise<Checkpoint> => {
  const checkpoint = await readJsonc<Checkpoint>(file, schema, { maxBytes: 64 * 1024 });
  if (key !== undefined && !verifyCheckpoint(checkpoint, key)) {
    throw new WardError('config-invalid', `${file}: the signature of the checkpoint is not valid for this key`, { at: file });
  }
  return checkpoint;
};
