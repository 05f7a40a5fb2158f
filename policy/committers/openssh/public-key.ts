/**
 * SSH public keys as files hold them: a type and, in base64, the type again and the numbers (RFC 4253 section 6.6, RFC 5656,
 * RFC 8709, and PROTOCOL.u2f of OpenSSH). Checked as far as OpenSSH checks them when it reads one.
 *
 * @module
 */
import { createPublicKey } from 'node:crypto';

const curves: Readonly<Record<string, { readonly jwk: string; readonly bytes: number }>> = Object.freeze({
  nistp256: { jwk: 'P-256', bytes: 32 },
  nistp384: { jwk: 'P-384', bytes: 48 },
  nistp521: { jwk: 'P-521', bytes: 66 },
});

const checkPoint = (curve: string, point: Buffer): void => {
  const known = curves[curve];
  if (known === undefined || point.length !== 1 + 2 * known.bytes || point[0] !== 4) throw new Error('a point that is not on its curve');
  const [x, y] = [point.subarray(1, 1 + known.bytes), point.subarray(1 + known.bytes)].map((bytes) => bytes.toString('base64url'));
  // Throws unless the point is on the curve.
  createPublicKey({ key: { kty: 'EC', crv: known.jwk, x: x ?? '', y: y ?? '' }, format: 'jwk' });
};

const checkModulus = (modulus: Buffer): void => {
  const bits = modulus.toString('hex').replace(/^0+/, '').length * 4;
  if (((modulus[0] ?? 0) & 0x80) !== 0 || bits < 1021 || bits > 16_384) {
    throw new Error('an RSA modulus of fewer than 1024 or more than 16384 bits');
  }
};

const checkLength = (bytes: Buffer, length: number): void => {
  if (bytes.length !== length) throw new Error(`a key of ${bytes.length} bytes instead of ${length}`);
};

const checkEcdsa = (curve: string) => ([name, point = Buffer.alloc(0)]: readonly Buffer[]): void => {
  if (name?.toString('latin1') !== curve) throw new Error('a curve that is not that of its type');
  checkPoint(curve, point);
};

/** For each type: how many strings follow it, and what they must be. */
const types: Readonly<Record<string, readonly [count: number, check: (parts: readonly Buffer[]) => void]>> = Object.freeze({
  'ssh-ed25519': [1, ([key = Buffer.alloc(0)]) => checkLength(key, 32)],
  'sk-ssh-ed25519@openssh.com': [2, ([key = Buffer.alloc(0)]) => checkLength(key, 32)],
  'ssh-rsa': [2, ([, modulus = Buffer.alloc(0)]) => checkModulus(modulus)],
  'ecdsa-sha2-nistp256': [2, checkEcdsa('nistp256')],
  'ecdsa-sha2-nistp384': [2, checkEcdsa('nistp384')],
  'ecdsa-sha2-nistp521': [2, checkEcdsa('nistp521')],
  'sk-ecdsa-sha2-nistp256@openssh.com': [3, checkEcdsa('nistp256')],
});

const readStrings = (bytes: Buffer): Buffer[] => {
  const parts: Buffer[] = [];
  for (let offset = 0; offset < bytes.length;) {
    const length = offset + 4 <= bytes.length ? bytes.readUInt32BE(offset) : Infinity;
    if (offset + 4 + length > bytes.length) throw new Error('a string that is cut off');
    parts.push(bytes.subarray(offset + 4, offset + 4 + length));
    offset += 4 + length;
  }
  return parts;
};

export const isKeyType = (text: string): boolean => Object.hasOwn(types, text);

/**
 * Checks a key and returns its bytes.
 *
 * @throws Error saying what is wrong with it
 */
export const readPublicKey = (type: string, base64: string): Buffer => {
  const known = Object.hasOwn(types, type) ? types[type] : undefined;
  if (known === undefined) throw new Error(`a type that is not accepted: ${type}`);
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(base64)) throw new Error('base64 that is malformed');
  const bytes = Buffer.from(base64, 'base64');
  const [name, ...parts] = readStrings(bytes);
  if (name?.toString('latin1') !== type) throw new Error('a type that differs from that inside of it');
  const [count, check] = known;
  if (parts.length !== count) throw new Error('parts that are not those of its type');
  check(parts);
  return bytes;
};
