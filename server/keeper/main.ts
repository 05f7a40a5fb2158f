/**
 * The keeper process. The supervisor gives it one line of configuration, on standard input or over the socket at which systemd starts it,
 * and keeps that open: its end means that this process should stop.
 *
 * @module
 */
import { toWardError } from '../../protocol/errors.ts';
import { configurationInput, passedSockets } from '../ipc/activation.ts';
import { connectAsChild, readConfigurationLine, whenParentGone, type ChildAddress } from '../ipc/child.ts';
import { confine } from '../sandbox/confine.ts';
import { Keeper, type KeeperConfig } from './keeper.ts';

const say = (sentence: string): void => void process.stderr.write(`wardccd keeper: ${sentence}\n`);

process.umask(0o027);
// Beyond a file size limit a write shall fail like on a full disk, not kill the process.
process.on('SIGXFSZ', () => {});
// A terminal's Ctrl-C goes to the supervisor, which stops its children in order.
process.on('SIGINT', () => {});

try {
  confine();
  const input = await configurationInput(passedSockets());
  const configuration = (await readConfigurationLine(input)) as ChildAddress & KeeperConfig;
  const keeper = await Keeper.open(configuration);
  try {
    for (const saying of keeper.sayings) say(`${saying}.`);
    const front = await connectAsChild(configuration, { limits: { json: 4 * 1024 * 1024, binary: 0 } });
    whenParentGone(() => front.close(), input);
    process.on('SIGTERM', () => front.close());
    await keeper.serve(front);
  } finally {
    await keeper.close();
  }
  process.exit(0);
} catch (thrown) {
  say(toWardError(thrown).message);
  process.exit(1);
}
