import test from 'ava';
import fc from 'fast-check';
import { encodeMessage, MessageDecoder, type IpcMessage } from '../../../server/ipc/framing.ts';
import { WardError } from '../../../protocol/errors.ts';

const decodeAll = (chunks: Buffer[]): IpcMessage[] => {
  const decoder = new MessageDecoder();
  const messages: IpcMessage[] = [];
  for (const chunk of chunks) {
    decoder.push(chunk);
    for (let message = decoder.next(); message !== undefined; message = decoder.next()) messages.push(message);
  }
  return messages;
};

test('messages survive any slicing of the byte stream', (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.dictionary(fc.string(), fc.string()), fc.uint8Array({ maxLength: 64 })), { maxLength: 5 }),
      fc.array(fc.nat(300), { maxLength: 20 }),
      (messages, cuts) => {
        const stream = Buffer.concat(messages.flatMap(([json, binary]) => encodeMessage({ ...json }, Buffer.from(binary))));
        const points = [0, ...cuts.map((cut) => Math.min(cut, stream.length)), stream.length].sort((a, b) => a - b);
        const decoded = decodeAll(points.slice(1).map((end, index) => stream.subarray(points[index], end)));
        return (
          decoded.length === messages.length &&
          decoded.every(
            ({ json, binary }, index) =>
              JSON.stringify(json) === JSON.stringify({ ...messages[index]![0] }) && binary.equals(messages[index]![1]),
          )
        );
      },
    ),
    { numRuns: 300 },
  );
  t.pass();
});

test('a length above the limit is refused as soon as the header is there', (t) => {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(0xffffffff, 0);
  const error = t.throws(() => decodeAll([head]), { instanceOf: WardError });
  t.is(error.code, 'limit-exceeded');
  t.is(error.message, 'An internal message announced 4294967295 + 0 bytes.');
});

for (const [what, text] of [
  ['a list', '[1]'],
  ['a number', '1'],
  ['null', 'null'],
  ['no JSON', '{'],
] as const) {
  test(`a message that is ${what} instead of an object is refused`, (t) => {
    const head = Buffer.alloc(8);
    head.writeUInt32BE(text.length, 0);
    const error = t.throws(() => decodeAll([head, Buffer.from(text)]), { instanceOf: WardError });
    t.is(error.code, 'protocol-violation');
  });
}

test('a message that is too large is refused by its sender', (t) => {
  const error = t.throws(() => encodeMessage({}, Buffer.alloc(11), { json: 10, binary: 10 }), { instanceOf: WardError });
  t.is(error.code, 'limit-exceeded');
});
