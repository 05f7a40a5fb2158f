/**
 * The farm file: which servers there are, whose signatures on results count, and the epoch. Every client and server of a farm has the
 * same one.
 *
 * A result counts when a key of this file signed it for this epoch. Raising the epoch throws away every result that was made before.
 *
 * @module
 */
import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import type { WardError } from '../protocol/errors.ts';
import { decodeText, findingError, parseDocument, readBounded } from './jsonc.ts';
import { keyId } from './log/checkpoint.ts';
import { printKeyId, type PublicKey } from './signature/format.ts';
import { verifySignature } from './signature/minisign.ts';

export const farmSchema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: 'wardcc farm',
  type: 'object',
  additionalProperties: false,
  required: ['serial', 'epoch', 'servers'],
  properties: {
    $schema: { type: 'string' },
    serial: { type: 'integer', minimum: 1, maximum: Number.MAX_SAFE_INTEGER },
    epoch: { type: 'integer', minimum: 1, maximum: Number.MAX_SAFE_INTEGER },
    servers: {
      type: 'array',
      minItems: 1,
      maxItems: 1000,
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['name'],
        properties: {
          name: {
            type: 'string',
            pattern: '^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$',
            description: "the host name in the server's certificate",
          },
          resultKeys: {
            type: 'array',
            maxItems: 8,
            uniqueItems: true,
            items: {
              type: 'string',
              pattern: '^MCowBQYDK2VwAyEA[A-Za-z0-9+/]{43}=$',
              description: "the line of base64 in the server's result-key.pub.pem",
            },
          },
        },
      },
    },
  },
} as const;

interface WrittenFarm {
  readonly serial: number;
  readonly epoch: number;
  readonly servers: readonly { readonly name: string; readonly resultKeys?: readonly string[] }[];
}

export interface FarmServer {
  readonly name: string;
  /** By key id, as signatures name them. */
  readonly resultKeys: ReadonlyMap<string, KeyObject>;
}

export interface Farm {
  readonly serial: number;
  readonly epoch: number;
  /** By name. */
  readonly servers: ReadonlyMap<string, FarmServer>;
}

/** Reads a farm file. Throws `config-invalid` with the position of the first mistake. */
export const loadFarm = async (file: string): Promise<Farm> => parseFarm(await readBounded(file), file);

/** Whose signature a farm file must have: `minisign`, beside the file as `FILE.minisig`. */
export interface FarmTrust {
  readonly file: string;
  readonly keys: readonly PublicKey[];
}

export interface SignedFarm extends Farm {
  readonly digest: string;
  readonly trustedComment: string;
  /** The key that signed it, as minisign prints it. */
  readonly signedBy: string;
}

export const signatureFile = (file: string): string => `${file}.minisig`;

/** Reads a farm file that must be signed. Throws `config-invalid`: nothing of a file is looked at before its signature holds. */
export const loadSignedFarm = async ({ file, keys }: FarmTrust): Promise<SignedFarm> => {
  const bytes = await readBounded(file);
  const signature = (await readBounded(signatureFile(file), 64 * 1024)).toString('utf8');
  const { trustedComment, key } = verifySignature({ bytes, signature, keys, file: signatureFile(file) });
  const digest = createHash('sha256').update(bytes).digest('hex');
  return { ...parseFarm(bytes, file), digest, trustedComment, signedBy: printKeyId(key.id) };
};

const parseFarm = (bytes: Buffer, file: string): Farm => {
  const document = parseDocument<WrittenFarm>(decodeText(bytes, file), file, farmSchema);
  const { serial, epoch, servers: written } = document.value;
  const servers = new Map<string, FarmServer>();
  for (const [index, { name, resultKeys = [] }] of written.entries()) {
    const refuse = (sentence: string, ...path: (string | number)[]): WardError =>
      findingError(document.findingAt(['servers', index, ...path], sentence));
    if (servers.has(name)) throw refuse(`the server "${name}" is here for the second time`, 'name');
    const keys = resultKeys.map((base64, place) => {
      try {
        return createPublicKey({ key: Buffer.from(base64, 'base64'), format: 'der', type: 'spki' });
      } catch {
        throw refuse('this is no Ed25519 public key', 'resultKeys', place);
      }
    });
    servers.set(name, { name, resultKeys: new Map(keys.map((key) => [keyId(key), key])) });
  }
  return { serial, epoch, servers };
};
