/**
 * `wardctl dev`: a throwaway farm for trying things out and for tests.
 *
 * @module
 */
import { Command, InvalidArgumentError, Option } from 'commander';
import { bringDown } from './dev/down.ts';
import { shellQuote } from './dev/files.ts';
import { bringUp } from './dev/up.ts';

const whole = (text: string): number => {
  if (!/^[1-9][0-9]{0,2}$/.test(text)) throw new InvalidArgumentError('a whole number from 1 to 999 is expected.');
  return Number(text);
};

const print = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

const up = (): Command => new Command('up')
  .description('bring up a farm on loopback that lives in one directory')
  .requiredOption('--dir <dir>', 'directory of the farm; made when it is missing')
  .option('--servers <n>', 'servers', whole, 1)
  .option('--jobs <n>', 'slots that each server offers', whole)
  .option('--cores <n>', 'compiles at once on each server (default: the cores of this machine)', whole)
  .addOption(new Option('--krb5', 'people come with Kerberos tickets of a realm of its own, and in no other way').conflicts('ssh'))
  .option('--ssh', 'people come through sshd, and in no other way')
  .option('--redis', 'the servers share their results through a Redis of their own')
  .action(async ({ dir, servers, jobs, cores, krb5, ssh, redis = false }: { dir: string; servers: number; jobs?: number; cores?: number; krb5?: true; ssh?: true; redis?: boolean }) => {
    const farm = await bringUp({ dir, servers, jobs, cores, redis, mechanism: krb5 === true ? 'krb5' : ssh === true ? 'ssh' : 'cert' });
    if (farm.isolation === 'strict-rlimit') {
      process.stderr.write('CAUTION: no cgroup can be used here, so memory is limited for each process and not for a whole job (isolation strict-rlimit).\n  Root can bring up a farm with full limits; so can a session with a delegated cgroup.\n');
    }
    print(`${servers === 1 ? 'One server accepts' : `${servers} servers accept`} on ${farm.hosts.join(', ')}; ${farm.cores} compiles at once${servers === 1 ? '' : ' on each'}.`);
    print(`  . ${shellQuote(farm.layout.environment)}`);
    print('  make -j4 CC="wardcc gcc"');
    print(`  wardctl dev down --dir ${shellQuote(dir)}`);
  });

const down = (): Command => new Command('down')
  .description('end a farm: servers, agents, mounts and cgroups; its directory stays')
  .requiredOption('--dir <dir>', 'directory of the farm')
  .action(async ({ dir }: { dir: string }) => {
    const ended = await bringDown(dir);
    print(ended === undefined ? `${dir} holds no farm.` : ended === 0 ? 'Nothing ran any more.' : 'The farm is down.');
  });

/** The `dev` command, to be added to `wardctl`. Errors are thrown as WardError. */
export const devCommand = (): Command => new Command('dev').description('a throwaway farm on loopback').addCommand(up()).addCommand(down());
