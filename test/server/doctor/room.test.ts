import { chmodSync } from 'node:fs';
import test from 'ava';
import { WardError } from '../../../protocol/errors.ts';
import { Room } from '../../../server/doctor/room.ts';
import { slotOwner } from '../../fixtures/executor.ts';
import { temporaryDirectory } from '../../fixtures/temporary.ts';

test('an executor that cannot start is an error with what it said, and nothing is left running', async (t) => {
  const directory = await temporaryDirectory(t);
  chmodSync(directory, 0o755);
  const error = await t.throwsAsync(Room.open({ directory, profile: 'strict', owner: slotOwner, bytes: 1 << 20, inodes: 100 }), {
    instanceOf: WardError,
  });
  t.is(error.code, 'sandbox-failed');
  t.regex(error.message, /A strict slot needs a control group\./);
});
