/**
 * The second way: nobody looks at the command. The job goes straight to a real executor, so the sandbox alone must hold.
 *
 * @module
 */
import { Lab } from '../fixtures/executor.ts';
import { wireJob } from './job.ts';
import { tightLimits } from './limits.ts';
import { errorOutcome, type Outcome } from './outcome.ts';
import type { Place } from './place.ts';
import type { Case, Compiler } from './types.ts';

export class SandboxOnly {
  readonly #lab: Lab;
  readonly #place: Place;
  #jobs = 0;

  private constructor(lab: Lab, place: Place) {
    this.#lab = lab;
    this.#place = place;
  }

  static async open(place: Place, compilers: readonly Compiler[]): Promise<SandboxOnly> {
    return new SandboxOnly(
      await Lab.open({ compilers: compilers.map((name) => `/usr/bin/${name}`), slotBytes: 64 << 20, slotInodes: 8000 }), place,
    );
  }

  async attack(one: Case): Promise<Outcome> {
    const place = this.#place;
    place.clear();
    place.restore();
    const before = place.snapshot();
    const { root, toolchain } = this.#lab.stages.get(`/usr/bin/${one.compiler}`)!;
    const nothing = { stdout: Buffer.alloc(0), stderr: Buffer.alloc(0), outputs: [] };
    try {
      const { probe, tree, blobs } = wireJob(one, place, toolchain.digest);
      for (const [digest, content] of blobs) this.#lab.room.put(digest, content);
      const answer = await this.#lab.room.run({
        job: String(++this.#jobs), toolchainRoot: root, includeMounts: toolchain.includeDirs, argv: probe.argv, env: {
          PATH: '/usr/bin', LC_ALL: 'C', ...probe.env,
        },
        cwd: probe.cwd, pwd: probe.pwd, umask: probe.umask, outputs: probe.outputs, limits: tightLimits,
      }, tree);
      const returned = {
        stdout: Buffer.from(answer.stdoutText), stderr: Buffer.from(answer.stderrText),
        outputs: answer.contents.flatMap((content) => content ?? []),
      };
      return {
        end: answer.verdict ?? `exit ${answer.status.code}`,
        message: answer.sentence ?? answer.stderrText.slice(0, 200),
        signs: place.signs(one.attack, before, returned),
      };
    } catch (thrown) {
      return errorOutcome(thrown, place.signs(one.attack, before, nothing));
    }
  }

  close(): Promise<void> {
    return this.#lab.close();
  }
}
