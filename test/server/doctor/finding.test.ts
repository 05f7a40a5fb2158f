import test from 'ava';
import { attempt, caution, fail, formatFinding, formatSummary, pass } from '../../../server/doctor/finding.ts';

test('a finding is one line, and one more with the remedy', (t) => {
  t.is(formatFinding(pass('noexec', 'nothing runs')), 'PASS     noexec               nothing runs\n');
  t.is(
    formatFinding(caution('clock', 'It is late.', 'Set it.')),
    'CAUTION  clock                It is late.\n                              Set it.\n',
  );
});

test('the summary counts', (t) => {
  t.is(formatSummary([pass('a', ''), pass('b', ''), caution('c', '', ''), fail('d', '', '')]), '2 passed, 1 to think about, 1 failed\n');
});

test('a probe that throws has failed, with what was thrown', async (t) => {
  t.deepEqual(
    await attempt('disk', 'Buy one.', () => {
      throw new Error('no disk');
    }),
    { probe: 'disk', grade: 'FAIL', says: 'no disk', remedy: 'Buy one.' },
  );
});
