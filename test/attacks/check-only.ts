/**
 * The third way: nothing would hold a job that is let through. What decides, decides alone: the policy, the table of options, the
 * rules for paths. The executor behind them is a stub that is never reached.
 *
 * @module
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { decide } from '../../policy/decide.ts';
import { loadPolicy } from '../../policy/load.ts';
import type { DecisionRequest } from '../../policy/types.ts';
import { decodeTree } from '../../protocol/tree.ts';
import { authorizeJob } from '../../server/jobs/authorize.ts';
import { checkTreePaths } from '../../server/jobs/check-paths.ts';
import type { JobServices, JobSession, StagedToolchain } from '../../server/jobs/services.ts';
import { describeToolchain } from '../../toolchain/describe.ts';
import { wireJob } from './job.ts';
import { errorOutcome, type Outcome } from './outcome.ts';
import type { Place } from './place.ts';
import type { Case, Compiler } from './types.ts';

const policyText = `{
  "serial": 1,
  "mechanisms": ["cert"],
  "anchors": [{ "id": "any", "ca": "*", "uri": ["wardcc-user:"] }],
  "identities": [{ "id": "same-name", "principal": "cert:{user}", "committer": "{user}" }],
  "committers": { "sources": [{ "id": "list", "kind": "list", "file": "attack-committers.txt" }] },
  "rules": [{ "id": "committers-compile", "effect": "allow", "who": ["*"] }]
}`;

export class CheckOnly {
  readonly #services: JobServices;
  readonly #place: Place;
  readonly #toolchains: ReadonlyMap<Compiler, StagedToolchain>;

  private constructor(services: JobServices, place: Place, toolchains: ReadonlyMap<Compiler, StagedToolchain>) {
    this.#services = services;
    this.#place = place;
    this.#toolchains = toolchains;
  }

  static async open(place: Place, compilers: readonly Compiler[]): Promise<CheckOnly> {
    writeFileSync(join(place.directory, 'attack-committers.txt'), 'alice\n');
    writeFileSync(join(place.directory, 'attack-policy.jsonc'), policyText);
    const policy = await loadPolicy(join(place.directory, 'attack-policy.jsonc'));
    const toolchains = new Map<Compiler, StagedToolchain>();
    for (const compiler of compilers) {
      const { digest, name, family, includeDirs } = await describeToolchain(`/usr/bin/${compiler}`);
      toolchains.set(compiler, { digest, name, family, includeDirs, root: '', canary: '' });
    }
    const byDigest = new Map([...toolchains.values()].map((toolchain) => [toolchain.digest, toolchain]));
    const services = {
      log: { decided: async () => 1, ended: () => {} },
      decide: (_: JobSession, what: Parameters<JobServices['decide']>[1]) => {
        const request: DecisionRequest = {
          ...what, principal: { mechanism: 'cert', name: 'alice' }, committer: 'alice', ...policy.committers.standing('alice'),
        };
        return { request, decision: decide(policy, request) };
      },
      toolchain: (digest: string) => byDigest.get(digest),
    } as Partial<JobServices> as JobServices;
    return new CheckOnly(services, place, toolchains);
  }

  /** `exit 0`: it was let through. */
  async attack(one: Case): Promise<Outcome> {
    const session = { principal: 'cert:alice', committer: 'alice', mechanism: 'cert', address: '127.0.0.1', fingerprint: '' } as JobSession;
    const signs = new Set<never>();
    try {
      const job = wireJob(one, this.#place, this.#toolchains.get(one.compiler)!.digest);
      const { toolchain } = await authorizeJob(job.probe, session, this.#services, () => {});
      checkTreePaths(decodeTree(job.tree), job.probe, toolchain.includeDirs);
      return { end: 'exit 0', message: 'let through', signs };
    } catch (thrown) {
      return errorOutcome(thrown, signs);
    }
  }
}
