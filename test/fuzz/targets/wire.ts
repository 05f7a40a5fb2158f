/**
 * What a peer sends before and after it is authenticated.
 *
 * @module
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { zstdCompressSync } from 'node:zlib';
import { cleanText, decodeError, encodeError } from '../../../protocol/alert.ts';
import { Channel } from '../../../protocol/channel.ts';
import { WardError, type ErrorCode } from '../../../protocol/errors.ts';
import { encodeFrame, FrameDecoder, frameType } from '../../../protocol/frame.ts';
import { serverHandshake } from '../../../protocol/handshake.ts';
import { decodeClientHello, decodeServerHello, encodeClientHello, encodeServerHello } from '../../../protocol/hello.ts';
import { parseMessage } from '../../../protocol/schemas.ts';
import { Sealer } from '../../../protocol/seal.ts';
import { encodeStart, ListReader, ListWriter } from '../../../protocol/start-list.ts';
import { decodeTree, encodeTree } from '../../../protocol/tree.ts';
import { acceptAll, transportPair } from '../../protocol/pair.ts';
import { attempt, must, refusal, shape, some, type Target } from '../target.ts';

const wireCodes: readonly ErrorCode[] = ['protocol-violation', 'frame-too-large', 'bad-sequence', 'bad-tag', 'limit-exceeded'];

/** The examples of PROTOCOL.md. */
const vectors = (): Record<string, unknown>[] =>
  [
    ...readFileSync(new URL('../../../protocol/PROTOCOL.md', import.meta.url), 'utf8').matchAll(/^```json\n([^]*?)\n```$/gm),
  ].map(([, json]) => JSON.parse(json!) as Record<string, unknown>);
const hexOf = (value: unknown): Buffer[] => {
  const joined = Array.isArray(value) ? value.join('') : value;
  return typeof joined === 'string' && /^([0-9a-f]{2}){4,}$/.test(joined) ? [Buffer.from(joined, 'hex')] : [];
};
const vectorBytes = (): Buffer[] => vectors().flatMap((vector) => Object.values(vector).flatMap(hexOf));

const clientHello = { nonce: Buffer.alloc(32, 1), publicKey: Buffer.alloc(32, 9), mechanism: 'cert', target: 'localhost' } as const;
const helloFrame = encodeFrame(frameType.HELLO, 0, 0, 0, encodeClientHello(clientHello));

const probe = {
  type: 'probe', id: '1', project: 'default', toolchain: 'a'.repeat(64), compiler: '/usr/bin/gcc', language: 'c', argv: ['/usr/bin/gcc', '-c', 'a.c'],
  env: { LC_ALL: 'C' }, cwd: '/w', umask: 18, outputs: ['/w/a.o'], tree: 'b'.repeat(64), treeBytes: 100, inputBytes: 10,
};
const result = {
  type: 'result', cached: false, keep: true, status: { code: 0, signal: 0 }, stdout: 0, stderr: 1, outputs: [
    { index: 0, size: 3, digest: 'c'.repeat(64), mode: 420 },
  ],
  usage: { wallMs: 1, userMs: 1, systemMs: 1, maxRssKb: 1 }, server: 's',
};
const messages: object[] = [
  probe, result, { type: 'offer', leaseMs: 1, speed: 1, load: { free: 1, waiting: 0 } }, { type: 'busy', position: 1 },
  { type: 'missing', digests: ['d'.repeat(64)], more: false }, { type: 'running' },
  { type: 'fetch', domain: 'project:lua', action: 'e'.repeat(64), parts: [0, 1, 2] }, { type: 'peer-welcome', expires: 1 },
];

const frame: Target = {
  name: 'frame',
  seeds: () => [
    Buffer.concat([Buffer.from([0, 5]), helloFrame]), Buffer.concat([Buffer.from([1, 200]), helloFrame]),
    ...vectorBytes().map((bytes) => Buffer.concat([Buffer.from([1, 17]), bytes])),
  ],
  run: (input) => {
    const [keyed = 0, piece = 1] = input;
    const cut = (size: number): string[] => {
      const decoder = new FrameDecoder();
      decoder.keyed = (keyed & 1) === 1;
      const seen: string[] = [];
      try {
        for (let at = 2; at < input.length; at += size) {
          decoder.push(input.subarray(at, at + size));
          for (
            let next = decoder.next(); next !== undefined; next = decoder.next()
          ) seen.push(`${next.type} ${next.flags} ${next.stream} ${next.payload.length}`);
        }
      } catch (thrown) {
        seen.push(refusal(thrown, ...wireCodes));
      }
      return seen;
    };
    const whole = cut(input.length + 1);
    must(JSON.stringify(whole) === JSON.stringify(cut(piece + 1)), 'frames depend on how their bytes are cut');
    return whole.map((text) => text.replace(/\d+$/, '')).join('|');
  },
};

const message: Target = {
  name: 'message',
  words: [
    '"type":', '"probe"', '"__proto__":', '"constructor":', 'null', '1e999', '-0', '"\\ud800"', '"\\u0000"', '[]', '{}', '4096',
    '9007199254740993',
  ],
  seeds: () => messages.map((each) => Buffer.from(JSON.stringify(each))),
  run: (input) =>
    (['server notice', 'first client message', 'server message'] as const)
      .map((place) => attempt(() => parseMessage(place, input), ({ type }) => type, 'protocol-violation')).join('|'),
};

const hello: Target = {
  name: 'hello',
  seeds: () => [
    encodeClientHello(clientHello), encodeServerHello(clientHello),
    encodeClientHello({ ...clientHello, mechanism: 'krb5', target: 'wardcc/build1.corp.example' }),
  ],
  words: ['WARD', 'cert', 'krb5', 'ssh', 'peer'],
  run: (input) => {
    const codes = ['protocol-violation', 'version-mismatch', 'mechanism-not-permitted'] as const;
    const client = attempt(() => decodeClientHello(input), (made) => {
      must(encodeClientHello(made).equals(input), 'a hello has two encodings');
      return made.mechanism;
    }, ...codes);
    const server = attempt(() => decodeServerHello(input), (made) => {
      must(encodeServerHello(made).equals(input), 'a hello has two encodings');
      return 'server hello';
    }, ...codes);
    return `${client}|${server}`;
  },
};

/** A server in the middle of a handshake, in memory: these bytes come, then the connection ends. */
const handshake: Target = {
  name: 'handshake',
  seeds: () => [helloFrame, Buffer.concat([helloFrame, encodeFrame(frameType.AUTH, 0, 0, 1, Buffer.from('token'))])],
  run: async (input) => {
    const [, transport] = transportPair();
    const accepted = serverHandshake(
      transport, { authenticators: new Map([['cert', acceptAll]]), exporter: () => Buffer.alloc(32, 3), timeoutMs: 1000 },
    );
    transport.deliver(input);
    setImmediate(() => transport.peer.close());
    try {
      const { channel } = await accepted;
      channel.close();
      return 'a session';
    } catch (thrown) {
      return refusal(thrown, ...wireCodes, 'version-mismatch', 'mechanism-not-permitted', 'session-lost', 'handshake-timeout');
    }
  },
};

const keys = { client: Buffer.alloc(32, 1), server: Buffer.alloc(32, 2) };

/** An authenticated client that sends well-sealed frames of any content: u8 type, u8 flags, u8 stream, u16 length, payload … */
const channel: Target = {
  name: 'channel',
  seeds: () => {
    const record = (type: number, flags: number, stream: number, payload: Buffer): Buffer =>
      Buffer.concat([Buffer.from([type, flags, stream, payload.length >> 8, payload.length & 0xff]), payload]);
    const begin = record(frameType.MESSAGE, 0, 1, Buffer.from(JSON.stringify(probe)));
    const start = record(frameType.START, 0, 1, Buffer.from('00000000000161', 'hex'));
    const packed = record(frameType.BLOB, 5, 5, Buffer.concat([Buffer.alloc(38), Buffer.from([3, 232]), zstdCompressSync(Buffer.alloc(1000))]));
    const blob = record(frameType.BLOB, 1, 3, Buffer.concat([Buffer.alloc(39), Buffer.from([2, 65, 66])]));
    return [
      Buffer.concat([begin, start, record(frameType.DATA, 1, 1, Buffer.from('tree')), blob]),
      Buffer.concat([begin, packed]),
      Buffer.concat(
        [begin, record(frameType.RESET, 0, 1, Buffer.from('{"code":"cancelled"}')), record(frameType.PING, 0, 0, Buffer.alloc(8))]
      ),
      Buffer.concat(
        [begin, record(frameType.WINDOW, 0, 1, Buffer.from([0, 0, 1, 0])), record(frameType.ALERT, 0, 0, Buffer.from('{"code":"busy"}'))]
      ),
    ];
  },
  words: [Buffer.from('17030100', 'hex'), Buffer.from([17, 0, 1, 0, 1, 65]), Buffer.from([20, 0, 1, 0, 2, 123, 125]), Buffer.from([18, 1, 5, 0, 40])],
  run: async (input) => {
    const [, transport] = transportPair();
    const server = new Channel(transport, { role: 'server', keys, decoder: new FrameDecoder() });
    const said: string[] = [];
    server.onStream((stream, { type }) => {
      said.push(`stream ${type}`);
      stream.onStart((list) => said.push(`start ${list.length > 0}`));
      stream.onData((chunk) => stream.consumed(chunk.length));
      stream.onEnd(() => said.push('end'));
      stream.onReset(() => said.push('reset'));
    });
    server.onBlob((blob) => {
      said.push('blob');
      blob.onData((chunk) => blob.consumed(chunk.length));
      blob.onEnd(() => said.push('blob end'));
      blob.onReset(() => said.push('blob reset'));
    });
    const sealer = new Sealer(keys.client, 'c2s');
    for (let at = 0; at + 5 <= input.length;) {
      const out: Buffer[] = [];
      const length = input.readUInt16BE(at + 3);
      sealer.seal(out, input[at]!, input[at + 1]!, input[at + 2]!, undefined, input.subarray(at + 5, at + 5 + length));
      transport.deliver(Buffer.concat(out));
      at += 5 + length;
    }
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    server.close();
    const error = await server.closed;
    if (error !== undefined && !(error instanceof WardError)) throw error;
    must(
      error?.code !== 'internal' || said.length === 0 || /PEER|peer/.test(error.message) || input.includes('{'),
      `internal: ${error?.message}`,
    );
    const end = error === undefined ? '' : `${error.code} ${shape(error.message).slice(0, 60)}`;
    return `${[...new Set(said)].join(',')}|${end}`;
  },
};

const tree: Target = {
  name: 'tree',
  words: ['WTR1', Buffer.from([0, 0]), '/', '/..', '/.', Buffer.from([3]), Buffer.from([0xc3, 0x28])],
  seeds: () => {
    const digest = createHash('sha256').update('x').digest();
    return [
      encodeTree([]),
      encodeTree(
        [
          { path: '/w/a.c', kind: 'file', digest, size: 1, group: 0 }, { path: '/w/b.h', kind: 'file', digest, size: 1, group: 1 },
          { path: '/w/l', kind: 'link', target: '../x' },
        ]
      ),
      encodeTree(Array.from({ length: 8 }, (_, index) => ({ path: `/w/d${index}/e`, kind: 'directory' as const }))),
    ];
  },
  run: (input) => attempt(() => decodeTree(input), (entries) => {
    must(encodeTree(entries).equals(input), 'a tree has two encodings');
    return `${some(entries.length)} ${[...new Set(entries.map(({ kind }) => kind))].join(',')}`;
  }, 'tree-invalid'),
};

/** Several START payloads of one session: u8 fresh, u16 length, payload … */
const startList: Target = {
  name: 'start-list',
  words: [Buffer.from('80000001', 'hex'), Buffer.from('00000001', 'hex'), Buffer.from('ffffffff', 'hex'), Buffer.from('00000000', 'hex')],
  seeds: () => {
    const record = (fresh: number, payload: Buffer): Buffer => Buffer.concat([Buffer.from([fresh, payload.length >> 8, payload.length & 0xff]), payload]);
    const writer = new ListWriter();
    const trees = [3, 5, 4].map((count) => encodeTree(Array.from({ length: count }, (_, index) => ({ path: `/w/d${index}/e`, kind: 'directory' as const }))));
    const lists = trees.map((each) => record(0, encodeStart(writer.write(each), [1])));
    return [Buffer.concat(lists), Buffer.concat([...lists, record(1, Buffer.from('000000000001418000000100000000', 'hex'))])];
  },
  run: (input) => {
    const reader = new ListReader();
    const seen: string[] = [];
    for (let at = 0; at + 3 <= input.length;) {
      const length = input.readUInt16BE(at + 1);
      const payload = input.subarray(at + 3, at + 3 + length);
      if (payload.length < 2) break;
      seen.push(attempt(() => reader.read(payload, (input[at]! & 1) === 1), (list) => {
        const target = Buffer.alloc(list.length);
        list.copyTo(target);
        return `${some(list.unasked.length)} ${some(list.length)}`;
      }, 'protocol-violation', 'limit-exceeded'));
      at += 3 + length;
    }
    return seen.slice(0, 4).join('|');
  },
};

const alert: Target = {
  name: 'alert',
  seeds: () => [encodeError(new WardError('busy', 'x', { at: 'a', rule: 'r' })), Buffer.from('{}'), Buffer.from('[1]')],
  words: ['"code"', '"message"', '"internal"', '\\u001b[2J', '\u202e', 'null'],
  run: (input) => {
    const error = decodeError(input);
    // eslint-disable-next-line no-control-regex
    must(
      ![error.message, error.at, error.rule].some((text) => /[\u0000-\u001f\u007f-\u009f\u202a-\u202e]/.test(text ?? '')),
      'a control character is left',
    );
    must(decodeError(encodeError(error)).code === error.code, 'the code is lost on the way back');
    const text = input.toString();
    must(cleanText(cleanText(text)) === cleanText(text), 'cleaning twice cleans more');
    return error.code;
  },
};

export const wireTargets: readonly Target[] = [frame, message, hello, handshake, channel, tree, startList, alert];
