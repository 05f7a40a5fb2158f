/**
 * The two HELLO payloads. The client names version, mechanism and the server it means; both bring a nonce and a fresh X25519
 * key. There is exactly one encoding of each hello: a byte too many is refused.
 *
 * @module
 */
import { WardError } from './errors.ts';

export const VERSION = 1;
export const NONCE_BYTES = 32;
export const KEY_BYTES = 32;

/** How a person proves who they are. */
export type Mechanism = 'krb5' | 'cert' | 'ssh';

export const mechanisms: readonly Mechanism[] = Object.freeze(['krb5', 'cert', 'ssh']);

/** What a hello may name: a person's mechanism, or `peer`, with which another server of the farm proves that it is one. */
export type HelloMechanism = Mechanism | 'peer';

const helloMechanisms: readonly HelloMechanism[] = Object.freeze([...mechanisms, 'peer']);

export interface ServerHello {
  readonly nonce: Buffer;
  readonly publicKey: Buffer;
}

export interface ClientHello extends ServerHello {
  readonly mechanism: HelloMechanism;
  /** The name of the server that the client means: a host name, for Kerberos the service principal. */
  readonly target: string;
}

const MAGIC = Buffer.from('WARD', 'latin1');
const FIXED = 6 + NONCE_BYTES + KEY_BYTES;
const TARGET_BYTES = 512;
const targetSyntax = /^[\x21-\x7e]+$/;

const fixedPart = (hello: ServerHello): Buffer[] => {
  const version = Buffer.alloc(2);
  version.writeUInt16BE(VERSION);
  return [MAGIC, version, hello.nonce, hello.publicKey];
};

const readFixed = (payload: Buffer): ServerHello => {
  if (payload.length < 6 || !payload.subarray(0, 4).equals(MAGIC)) {
    throw new WardError('protocol-violation', 'The peer does not speak the wardcc protocol.');
  }
  const version = payload.readUInt16BE(4);
  if (version !== VERSION) {
    throw new WardError('version-mismatch', `The peer speaks protocol version ${version}; this side speaks version ${VERSION}.`);
  }
  if (payload.length < FIXED) throw new WardError('protocol-violation', 'The hello is too short.');
  return { nonce: Buffer.from(payload.subarray(6, 6 + NONCE_BYTES)), publicKey: Buffer.from(payload.subarray(6 + NONCE_BYTES, FIXED)) };
};

export const encodeServerHello = (hello: ServerHello): Buffer => Buffer.concat(fixedPart(hello));

/** Attacker-controlled. */
export const decodeServerHello = (payload: Buffer): ServerHello => {
  const hello = readFixed(payload);
  if (payload.length !== FIXED) throw new WardError('protocol-violation', 'The hello has bytes too many.');
  return hello;
};

export const encodeClientHello = (hello: ClientHello): Buffer => {
  const mechanism = Buffer.from(hello.mechanism, 'latin1');
  const target = Buffer.from(hello.target, 'utf8');
  if (target.length > TARGET_BYTES || !targetSyntax.test(hello.target)) {
    throw new WardError('config-invalid', `The server name '${hello.target}' cannot be sent.`);
  }
  const targetLength = Buffer.alloc(2);
  targetLength.writeUInt16BE(target.length);
  return Buffer.concat([...fixedPart(hello), Buffer.from([mechanism.length]), mechanism, targetLength, target]);
};

/** Attacker-controlled. */
export const decodeClientHello = (payload: Buffer): ClientHello => {
  const fixed = readFixed(payload);
  const mechanismEnd = FIXED + 1 + (payload[FIXED] ?? 0);
  const targetStart = mechanismEnd + 2;
  if (payload.length < targetStart) throw new WardError('protocol-violation', 'The hello is too short.');
  const name = payload.toString('latin1', FIXED + 1, mechanismEnd);
  const target = payload.toString('latin1', targetStart);
  if (payload.length - targetStart !== payload.readUInt16BE(mechanismEnd)) {
    throw new WardError('protocol-violation', 'The hello has a wrong length.');
  }
  if (payload.length - targetStart > TARGET_BYTES || !targetSyntax.test(target)) {
    throw new WardError('protocol-violation', 'The hello names a server that cannot exist.');
  }
  const mechanism = helloMechanisms.find((known) => known === name);
  if (mechanism === undefined) throw new WardError('mechanism-not-permitted', 'The hello names an unknown authentication mechanism.');
  return { ...fixed, mechanism, target };
};
