import test from 'ava';
import { WardError } from '../../../protocol/errors.ts';
import { configurationInput, passedSockets } from '../../../server/ipc/activation.ts';

const passed = (environment: Record<string, string>): [string, readonly number[]][] => [...passedSockets(environment, 42)];

test('sockets that were passed to this process are known by their names, several by one', (t) => {
  const environment = { LISTEN_PID: '42', LISTEN_FDS: '3', LISTEN_FDNAMES: 'network:start:network', PATH: '/bin' };
  t.deepEqual(passed(environment), [['network', [3, 5]], ['start', [4]]]);
  t.deepEqual(environment, { PATH: '/bin' } as never, 'nobody believes in them twice');
});

test('what was passed to another process, or not at all, is nothing', (t) => {
  t.deepEqual(passed({}), []);
  t.deepEqual(passed({ LISTEN_PID: '41', LISTEN_FDS: '1', LISTEN_FDNAMES: 'start' }), []);
  t.deepEqual(passed({ LISTEN_FDS: '1', LISTEN_FDNAMES: 'start' }), []);
});

for (const [title, more] of [
  ['no number', { LISTEN_FDS: 'x', LISTEN_FDNAMES: 'start' }], ['none', { LISTEN_FDS: '0', LISTEN_FDNAMES: '' }], ['too many', { LISTEN_FDS: '65', LISTEN_FDNAMES: 'a'.repeat(65) }],
  ['fewer names than sockets', { LISTEN_FDS: '2', LISTEN_FDNAMES: 'start' }], ['no names', { LISTEN_FDS: '1' }],
] as [string, Record<string, string>][]) {
  test(`variables that contradict each other are refused: ${title}`, (t) => {
    t.throws(() => passed({ LISTEN_PID: '42', ...more }), {
      instanceOf: WardError, code: 'config-invalid', message: 'LISTEN_FDS and LISTEN_FDNAMES do not say which sockets were passed: each unit has to name its own.',
    });
  });
}

test('without such a socket the configuration comes from standard input', async (t) => {
  t.is(await configurationInput(new Map()), process.stdin);
});
