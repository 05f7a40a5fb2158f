/**
 * The servers of the simulated farm, all in one process: `main.ts DIRECTORY SERVERS SLOTS`. Prints their ports as one line of JSON, and ends
 * when its standard input does.
 *
 * @module
 */
import { join } from 'node:path';
import { localCanary } from '../../toolchain/canary.ts';
import { describeToolchain } from '../../toolchain/describe.ts';
import { PolicyHolder } from '../../server/front/policy-holder.ts';
import { Revisions } from '../../server/front/revision-memory.ts';
import { startSimulatedServer } from './server.ts';

const [directory = '.', servers, slots] = process.argv.slice(2);
const compiler = await describeToolchain('/usr/bin/gcc');
const toolchain = { ...compiler, family: compiler.family, root: '/nonexistent', canary: await localCanary(compiler) };
const policy = await PolicyHolder.load(join(directory, 'policy.jsonc'), new Revisions(directory, (error) => process.stderr.write(`${error.message}\n`)));
const ports: number[] = [];
for (let number = 1; number <= Number(servers); number++) {
  ports.push(await startSimulatedServer({
    directory: join(directory, `server-${number}`),
    slots: Number(slots),
    tls: { cert: join(directory, 'server.pem'), key: join(directory, 'server.key') },
    clients: { clientCa: join(directory, 'ca', 'ca.pem'), crl: join(directory, 'ca', 'crl.pem') },
    policy,
    toolchain,
  }));
}
process.stdout.write(`${JSON.stringify(ports)}\n`);
process.stdin.resume().once('end', () => process.exit(0));
