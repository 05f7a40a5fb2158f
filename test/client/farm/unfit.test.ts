import test from 'ava';
import { UnfitServers } from '../../../client/farm/unfit.ts';
import { WardError } from '../../../protocol/errors.ts';

const gcc = 'a'.repeat(64);
const clang = 'b'.repeat(64);
const died = new WardError('sandbox-failed', 'The executor of this job died.');
const absent = new WardError('toolchain-unknown', 'This server does not have the compiler.');

const clocked = (): { servers: UnfitServers; pass: (ms: number) => void } => {
  let now = 1_000_000;
  return { servers: new UnfitServers(() => now), pass: (ms) => void (now += ms) };
};

test('a sandbox that failed rests a second, from that compiler and on that server alone', (t) => {
  const { servers, pass } = clocked();
  servers.note('one', gcc, died);
  t.is(servers.why('one', gcc), died);
  t.is(servers.why('one', clang), undefined);
  t.is(servers.why('two', gcc), undefined);
  pass(999);
  t.is(servers.why('one', gcc), died);
  pass(1);
  t.is(servers.why('one', gcc), undefined);
});

test('each failure after a rest makes the next rest twice as long, up to thirty seconds', (t) => {
  const { servers, pass } = clocked();
  for (const ms of [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]) {
    servers.note('one', gcc, died);
    pass(ms - 1);
    t.is(servers.why('one', gcc), died, `${ms} ms`);
    pass(1);
    t.is(servers.why('one', gcc), undefined, `${ms} ms`);
  }
});

test('jobs that fail together are one failure', (t) => {
  const { servers, pass } = clocked();
  for (let job = 0; job < 8; job++) servers.note('one', gcc, died);
  pass(1_000);
  t.is(servers.why('one', gcc), undefined);
});

test('who was well for half a minute rests a second again', (t) => {
  const { servers, pass } = clocked();
  servers.note('one', gcc, died);
  pass(1_000);
  servers.note('one', gcc, died);
  pass(2_000 + 30_001);
  servers.note('one', gcc, died);
  pass(1_000);
  t.is(servers.why('one', gcc), undefined);
});

test('who does not have the compiler rests for thirty seconds at once', (t) => {
  const { servers, pass } = clocked();
  servers.note('one', gcc, absent);
  pass(29_999);
  t.is(servers.why('one', gcc), absent);
  pass(1);
  t.is(servers.why('one', gcc), undefined);
});

test('other failures say nothing of a server and its compiler', (t) => {
  const { servers } = clocked();
  for (const code of ['busy', 'session-lost', 'compiler-crashed', 'memory-limit', 'internal'] as const) servers.note('one', gcc, new WardError(code));
  t.is(servers.why('one', gcc), undefined);
});
