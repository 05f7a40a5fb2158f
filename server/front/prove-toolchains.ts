/**
 * Before a compiler is advertised it compiles a fixed source in a real sandbox, as a job of its own. Clients compile the same
 * source and only send jobs to a compiler whose object was the same.
 *
 * @module
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { defaultLimits, defaultQuota, type Decision } from '../../policy/types.ts';
import { toWardError, WardError } from '../../protocol/errors.ts';
import type { Probe } from '../../protocol/messages.ts';
import { encodeTree } from '../../protocol/tree.ts';
import { canaryDigest, canaryJobs, type CanaryJob } from '../../toolchain/canary.ts';
import type { Executors, StagedToolchain, Usage } from '../jobs/services.ts';
import type { Store } from '../store/store.ts';
import type { StagedCompiler } from '../toolchains/index-file.ts';
import type { Speed } from './speed.ts';

/** Where the canary is compiled, inside the sandbox. */
const cwd = '/canary';
/** Content of the server's own; no client's results ever lie here. */
const domain = '\0canary';
const customer = { principal: '\0canary', weight: 1 };
const patienceMs = 60_000;
/** What may have hit an executor, or the whole machine, while the canary was compiled: a time-out is `internal`. */
const passing: ReadonlySet<string> = new Set(['sandbox-failed', 'internal']);
const mostTries = 3;

const decision: Decision = {
  verdict: 'allow', rule: 'canary', position: '', sentence: '', limits: defaultLimits, quota: defaultQuota, weight: 1, domain, cache: 'none',
};

export interface Means {
  readonly executors: Executors;
  readonly store: Store;
  /** Told what the canaries used. */
  readonly speed: Speed;
}

/**
 * The compilers that made a canary, by digest. One that could not is left out, with a word on stderr.
 *
 * @throws WardError `disk-full`: no compiler is to blame, and what is left out now stays out for as long as the server runs
 */
export async function proveToolchains(staged: readonly StagedCompiler[], means: Means): Promise<Map<string, StagedToolchain>> {
  const proved = new Map<string, StagedToolchain>();
  await Promise.all(staged.map(async (compiler) => {
    for (let tries = 1; ; tries++) {
      try {
        return void proved.set(compiler.digest, await prove(compiler, means));
      } catch (thrown) {
        const { code, message } = toWardError(thrown);
        if (code === 'disk-full') throw thrown;
        if (passing.has(code) && tries < mostTries) continue;
        return void process.stderr.write(`wardccd: ${compiler.name} is not offered: ${message}\n`);
      }
    }
  }));
  return proved;
}

async function prove(compiler: StagedCompiler, means: Means): Promise<StagedToolchain> {
  const compiled = await Promise.all(canaryJobs(compiler, cwd).map((job) => compile(compiler, job, means)));
  const { digest, name, family, root, includeDirs } = compiler;
  means.speed.calibrate(digest, compiled.map(({ usage }) => usage));
  return { digest, name, family, root, includeDirs, canary: canaryDigest(compiled.map(({ object }) => object)) };
}

async function compile(compiler: StagedCompiler, job: CanaryJob, { executors, store }: Means): Promise<{ object: Buffer; usage: Usage }> {
  const content = Buffer.from(job.content);
  const digest = createHash('sha256').update(content).digest();
  if (!store.has(domain, digest.toString('hex'))) {
    const receiver = store.receive(domain, digest.toString('hex'), content.length);
    await receiver.write(content);
    await receiver.finish();
  }
  const tree = encodeTree([
    { kind: 'directory', path: cwd },
    { kind: 'file', path: `${cwd}/${job.source}`, digest, size: content.length, group: 0 },
  ]);
  const probe: Probe = {
    type: 'probe', id: 'canary', project: 'canary', toolchain: compiler.digest, compiler: compiler.name, language: job.language, argv: job.argv, env: { ...job.env },
    cwd, umask: 0o022, outputs: [`${cwd}/${job.object}`], tree: createHash('sha256').update(tree).digest('hex'), treeBytes: tree.length, inputBytes: content.length,
  };
  const toolchain: StagedToolchain = { ...compiler, canary: '' };
  const outcome = await executors.run({ probe, decision, toolchain, tree }, customer, AbortSignal.timeout(patienceMs));
  try {
    const [object] = outcome.outputs;
    if (outcome.status.code !== 0 || object === undefined) {
      throw new WardError('toolchain-unknown', `it cannot compile the canary: ${(await readFile(outcome.stderr.path, 'utf8')).split('\n')[0]}`);
    }
    return { object: await readFile(object.path), usage: outcome.usage };
  } finally {
    outcome.discard();
  }
}
