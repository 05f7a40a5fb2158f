import { symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import type { Stream } from '../../../protocol/channel.ts';
import { sendResult } from '../../../server/jobs/send-result.ts';
import type { Outcome } from '../../../server/jobs/services.ts';
import { Unread } from '../../../server/jobs/unread.ts';
import { temporaryDirectory } from '../../fixtures/temporary.ts';

const unread = new Unread({ after: () => () => {} });
const giving = { server: 's', keep: false, signed: undefined, load: () => ({ free: 0, waiting: 0 }) };

/** Sends one output that lies at `path`; gives what left. */
async function send(path: string, size: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  const stream = { send: () => {}, write: async (piece: Buffer) => void pieces.push(piece) } as unknown as Stream;
  const nothing = { path: '/nowhere', size: 0 };
  const outcome: Outcome = {
    status: { code: 0, signal: 0 }, usage: { wallMs: 0, userMs: 0, systemMs: 0, maxRssKb: 0 }, stdout: nothing, stderr: nothing,
    outputs: [{ index: 0, path, size, digest: 'a'.repeat(64), mode: 0o644 }], discard: () => {},
  };
  await sendResult({ stream, unread, packs: false }, outcome, giving);
  return Buffer.concat(pieces);
}

for (const size of [100, 400_000]) {
  test(`an output of ${size} bytes is sent whole, and never what a link in its place leads to`, async (t) => {
    const directory = await temporaryDirectory(t);
    const [path, secret, link] = ['0', 'key', '1'].map((name) => join(directory, name)) as [string, string, string];
    await writeFile(path, Buffer.alloc(size, 'o'));
    await writeFile(secret, Buffer.alloc(size, 's'));
    await symlink(secret, link);
    t.is((await send(path, size)).length, size);
    const error = await t.throwsAsync(send(link, size));
    t.is((error as NodeJS.ErrnoException).code, 'ELOOP');
  });
}

test('an output that became longer or shorter is not sent as it is', async (t) => {
  const path = join(await temporaryDirectory(t), '0');
  await writeFile(path, 'longer');
  await t.throwsAsync(send(path, 3), { message: /has another size/ });
  await t.throwsAsync(send(path, 9), { message: /has another size/ });
});
