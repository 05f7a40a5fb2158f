/**
 * Each configured compiler: described, staged, and made to compile the canary in a sandbox, whose object must be the one it makes outside.
 *
 * @module
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { defaultLimits } from '../../policy/types.ts';
import { canaryDigest, canaryJobs, localCanary, type CanaryJob } from '../../toolchain/canary.ts';
import { describeToolchain, type Toolchain } from '../../toolchain/describe.ts';
import { stageToolchain } from '../toolchains/stage.ts';
import { fail, pass, type Finding } from './finding.ts';
import type { Room } from './room.ts';

const cwd = '/canary';

const compile = async (room: Room, root: string, toolchain: Toolchain, job: CanaryJob, index: number): Promise<Buffer> => {
  const digest = createHash('sha256').update(job.content).digest();
  room.put(digest.toString('hex'), job.content);
  const answer = await room.run(
    {
      job: `canary-${index}`,
      toolchainRoot: root,
      includeMounts: toolchain.includeDirs,
      argv: job.argv,
      env: job.env,
      cwd,
      umask: 0o022,
      outputs: [join(cwd, job.object)],
      limits: defaultLimits,
    },
    [
      { path: cwd, kind: 'directory' },
      { path: join(cwd, job.source), kind: 'file', digest, size: Buffer.byteLength(job.content), group: 0 },
    ],
  );
  const [object] = answer.contents;
  if (object === undefined) throw new Error(`it cannot compile the canary: ${answer.sentence ?? answer.stderrText.split('\n', 1)[0]}`);
  return object;
};

export const probeToolchain = async (compiler: string, room: Room): Promise<Finding> => {
  const probe = 'toolchain';
  const toolchain = await describeToolchain(compiler);
  const root = await stageToolchain(toolchain, join(room.directory, 'stages'));
  const objects: Buffer[] = [];
  for (const [index, job] of canaryJobs(toolchain, cwd).entries()) objects.push(await compile(room, root, toolchain, job, index));
  if (canaryDigest(objects) !== (await localCanary(toolchain)))
    return fail(
      probe,
      `${compiler} makes another object in the sandbox than outside.`,
      'A file that steers the driver is missing from its description: do not offer it, and report this.',
    );
  return pass(probe, `${compiler} (${toolchain.family} ${toolchain.version}) makes the same object in the sandbox as outside`);
};

/** Of several names of one compiler each is a toolchain of its own; absent ones are passed over, as the server does. */
export const presentCompilers = (compilers: readonly string[]): string[] => compilers.filter((compiler) => existsSync(compiler));
