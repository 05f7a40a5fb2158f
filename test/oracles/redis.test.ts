import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import test from 'ava';
import { startRedis } from '../fixtures/redis.ts';

const execute = promisify(execFile);

test('a Redis of a test answers on its socket and keeps what it is told', async (t) => {
  const { socket } = await startRedis(t);
  const say = async (...words: string[]) => (await execute('redis-cli', ['-s', socket, ...words])).stdout.trim();
  t.is(await say('SET', 'key', 'value'), 'OK');
  t.is(await say('GET', 'key'), 'value');
});
