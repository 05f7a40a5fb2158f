/**
 * `wardccd`: the server's one command line.
 *
 *     wardccd --config FILE      run the server in the foreground
 *     wardccd front | keeper     be one part of a server whose supervisor runs elsewhere: what systemd starts at its socket
 *     wardccd doctor             prove each property of this machine by a probe
 *     wardccd accept-revision    an administrator's word that a committer source went back on purpose
 *     wardccd ssh-subsystem      the bridge that sshd starts
 *
 * @module
 */
import { parseArgs } from 'node:util';
import { toWardError } from '../protocol/errors.ts';

const usage = `usage: wardccd --config FILE [--parts DIR]
       wardccd front
       wardccd keeper
       wardccd doctor [--config FILE] [--json]
       wardccd accept-revision --config FILE SOURCE REVISION
       wardccd ssh-subsystem [--socket FILE]
`;

async function main(args: readonly string[]): Promise<number> {
  // First, and with nothing else loaded: there is one bridge for each connection.
  if (args[0] === 'ssh-subsystem') return (await import('./ssh-bridge/main.ts')).runBridge(args.slice(1));
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(usage);
    return 0;
  }
  if (args[0] === 'accept-revision') return (await import('./accept-revision.ts')).runAcceptRevision(args.slice(1));
  if (args[0] === 'doctor') return (await import('./doctor/main.ts')).runDoctor(args.slice(1));
  if (args[0] === 'front' || args[0] === 'keeper') {
    await (args[0] === 'front' ? import('./front/main.ts') : import('./keeper/main.ts'));
    return 0;
  }
  const options = { config: { type: 'string', short: 'c' }, parts: { type: 'string' } } as const;
  const { values } = parseArgs({ args: [...args], options, strict: true });
  if (values.config === undefined) {
    process.stderr.write(usage);
    return 1;
  }
  const [{ loadServerConfig }, { supervise }] = await Promise.all([import('./config.ts'), import('./supervisor/supervisor.ts')]);
  return supervise(await loadServerConfig(values.config), values.parts);
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (thrown) {
  const error = toWardError(thrown);
  process.stderr.write(`wardccd: ${error.message}\n${error.at === undefined ? '' : `  at ${error.at}\n`}  ${error.next}\n`);
  process.exitCode = 1;
}
