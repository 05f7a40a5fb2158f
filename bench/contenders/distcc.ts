/**
 * distcc with one server on loopback: in its usual form, where nobody proves who they are and anybody may run a compiler, and with
 * GSS-API, where client and server authenticate each other with tickets of a throwaway realm for every job and then talk in clear.
 *
 * @module
 */
import { spawn } from 'node:child_process';
import { chmod, chown, copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from '../../ctl/dev/ports.ts';
import { accepting, addPrincipal, createRealm, getTicket, startKdc, writeKeytab } from '../../ctl/dev/realm.ts';
import { run } from '../../setup/demo/run.ts';
import { cleanEnvironment, type Contender, type Surroundings } from './contender.ts';
import { endChild, endedEarly } from './daemon.ts';

/** What authentication adds to each side. */
interface Authentication {
  readonly client: NodeJS.ProcessEnv;
  readonly server: NodeJS.ProcessEnv;
}

const account = 'nobody';

const start = async (name: string, { place, jobs }: Surroundings, authentication?: Authentication): Promise<Contender> => {
  const port = await freePort();
  const directory = join(place, authentication === undefined ? 'distcc' : 'distcc-gss');
  const temporary = join(directory, 'server');
  await mkdir(temporary, { recursive: true });
  // The server's account writes there.
  await chmod(temporary, 0o1777);
  const user = process.getuid?.() === 0 ? ['--user', account] : [];
  const where = ['--listen', '127.0.0.1', '--allow', '127.0.0.1', '--port', String(port)];
  const how = ['--jobs', String(jobs), '--nice', '0', '--log-level', 'error', '--log-stderr', ...user];
  const daemon = spawn('distccd', ['--no-detach', '--daemon', ...authentication === undefined ? [] : ['--auth'], ...where, ...how], {
    env: { ...cleanEnvironment(), ...authentication?.server, PATH: '/usr/bin:/bin', TMPDIR: temporary },
    stdio: 'ignore',
  });
  await Promise.race([accepting({ port }), endedEarly(daemon)]);
  const env = {
    ...cleanEnvironment(),
    ...authentication?.client,
    DISTCC_HOSTS: `127.0.0.1:${port}/${jobs}${authentication === undefined ? '' : ',auth'}`,
    DISTCC_DIR: directory,
    DISTCC_FALLBACK: '0',
    DISTCC_SKIP_LOCAL_RETRY: '1',
  };
  return { name, env, command: (compiler) => `distcc ${compiler}`, helpers: () => [], caches: false, remote: true, end: () => endChild(daemon) };
};

export const startDistcc = (surroundings: Surroundings): Promise<Contender> => start('distcc', surroundings);

const numberOf = async (option: '-u' | '-g'): Promise<number> => Number((await run(['id', option, account])).stdout);

/** Against a KDC of its own, whose server's keys only the server's account can read. */
export const startDistccGss = async (surroundings: Surroundings): Promise<Contender> => {
  const directory = join(surroundings.place, 'distcc-realm');
  const [service, password, ticket] = ['distccd/localhost', 'a password', join(directory, 'ticket')];
  const realm = await createRealm(directory, { name: 'DISTCC.TEST', port: await freePort() });
  await addPrincipal(realm, 'alice', password);
  await addPrincipal(realm, service);
  // The server's account sees none of the realm but these.
  const [served, config, keytab] = ['', 'krb5.conf', 'keytab'].map((name) => join(surroundings.place, 'distcc-server', name)) as [string, string, string];
  await mkdir(served);
  await copyFile(realm.environment['KRB5_CONFIG']!, config);
  await writeKeytab(realm, service, keytab);
  if (process.getuid?.() === 0) for (const path of [served, keytab]) await chown(path, await numberOf('-u'), await numberOf('-g'));
  const kdc = await startKdc(realm);
  try {
    await getTicket(realm, 'alice', password, ticket);
    const contender = await start('distcc + GSS-API', surroundings, {
      client: { KRB5_CONFIG: config, KRB5CCNAME: `FILE:${ticket}`, DISTCC_PRINCIPAL: 'distccd' },
      server: { KRB5_CONFIG: config, KRB5_KTNAME: `FILE:${keytab}`, KRB5RCACHENAME: `file2:${join(served, 'replay')}`, DISTCCD_PRINCIPAL: 'distccd@localhost' },
    });
    return {
      ...contender,
      end: async () => {
        await contender.end();
        process.kill(kdc);
      },
    };
  } catch (thrown) {
    process.kill(kdc);
    throw thrown;
  }
};
