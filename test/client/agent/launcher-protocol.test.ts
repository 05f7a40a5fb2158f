import test from 'ava';
import fc from 'fast-check';
import { answerFrames, decodeRequest, encodeRequest, launcherMagic } from '../../../client/agent/launcher-protocol.ts';
import type { LauncherRequest } from '../../../client/agent/types.ts';
import { WardError } from '../../../protocol/errors.ts';

/** Text that a process can have in its argv: no NUL, no lone surrogates. */
const text = fc.string({ unit: 'binary' }).filter((value) => !value.includes('\0') && value.isWellFormed());
const name = fc.stringMatching(/^[A-Z_][A-Z0-9_]{0,12}$/).filter((value) => value !== 'WARDCC_DEPTH');

const request: fc.Arbitrary<LauncherRequest> = fc.record({
  argv: fc.array(text, { minLength: 1, maxLength: 20 }),
  compiler: text.map((path) => `/${path}`),
  cwd: text.map((path) => `/${path}`),
  pwd: text,
  umask: fc.nat(0o777),
  path: text,
  env: fc.dictionary(name, text).map((env) => Object.assign(Object.create(null), env) as Record<string, string>),
  terminal: fc.record({ isTerminal: fc.boolean(), columns: fc.nat(65535), inputColumns: fc.nat(65535) }),
  pid: fc.nat(),
  begunMs: fc.nat(),
  namespace: text,
  isUtf8: fc.constant(true),
});

const simple: LauncherRequest = {
  argv: ['gcc'], compiler: '/gcc', cwd: '/', umask: 0, env: {}, terminal: { isTerminal: false, columns: 0, inputColumns: 0 }, pid: 1,
  namespace: '', begunMs: 0, isUtf8: true,
};

const decode = (bytes: Buffer): LauncherRequest => decodeRequest(bytes.subarray(8));

test('a request decodes to what was encoded', (t) => {
  fc.assert(fc.property(request, (value) => {
    const bytes = encodeRequest(value);
    t.is(bytes.toString('latin1', 0, 4), launcherMagic);
    t.is(bytes.readUInt32LE(4), bytes.length - 8);
    t.deepEqual(decode(bytes), value);
  }));
});

test('a request cut off anywhere, or with any byte changed, is refused with protocol-violation or decodes', (t) => {
  const bytes = encodeRequest({
    argv: ['gcc', '-c', 'a.c'], compiler: '/usr/bin/gcc', cwd: '/src', umask: 0o22, env: { LANG: 'C' },
    terminal: { isTerminal: true, columns: 80, inputColumns: 80 }, pid: 7, begunMs: 5, namespace: 'mnt', isUtf8: true,
  }).subarray(8);
  const attempt = (damaged: Buffer): void => {
    try {
      decodeRequest(damaged);
    } catch (error) {
      t.true(error instanceof WardError);
      t.is((error as WardError).code, 'protocol-violation');
    }
  };
  for (let length = 0; length < bytes.length; length++) attempt(bytes.subarray(0, length));
  for (let at = 0; at < bytes.length; at++) {
    for (const flip of [1, 0x80, 0xff]) {
      const damaged = Buffer.from(bytes);
      damaged[at]! ^= flip;
      attempt(damaged);
    }
  }
});

test('arbitrary bytes are refused', (t) => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
    t.throws(() => decodeRequest(Buffer.from(bytes)), { instanceOf: WardError, code: 'protocol-violation' });
  }));
});

test('text that is not UTF-8 is noticed', (t) => {
  const bytes = encodeRequest({ ...simple, argv: ['gcc', 'NAME'] });
  t.true(decode(bytes).isUtf8);
  bytes[bytes.indexOf('NAME')] = 0xe9;
  t.false(decode(bytes).isUtf8);
});

test('the first of two variables with one name counts, and how deep launchers are nested is not told', (t) => {
  const bytes = encodeRequest({ ...simple, env: { WARDCC_DEPTH: '1', LANG: 'C' } });
  t.deepEqual({ ...decode(bytes).env }, { LANG: 'C' });
});

test('content is carried in pieces that together are the content', (t) => {
  fc.assert(fc.property(fc.nat(1_000_000), (length) => {
    const content = Buffer.alloc(length, 'abc');
    const bytes = Buffer.concat(answerFrames.output('/o', 0o644, content));
    t.is(bytes.toString('latin1', 0, 1), 'O');
    let at = 5 + bytes.readUInt32LE(1);
    const parts: Buffer[] = [];
    while (at < bytes.length) {
      t.is(bytes.toString('latin1', at, at + 1), 'B');
      const end = at + 5 + bytes.readUInt32LE(at + 1);
      parts.push(bytes.subarray(at + 5, end));
      at = end;
    }
    t.true(Buffer.concat(parts).equals(content));
  }), { numRuns: 10 });
});
