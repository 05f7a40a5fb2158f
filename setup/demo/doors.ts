/**
 * Who is let in, and who is refused and why: each person of the farm tries to compile one small file and nothing else.
 *
 * @module
 */
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from './run.ts';

export interface Visitor {
  /** Directory under `people/`. */
  readonly id: string;
  readonly who: string;
  /** Words that the refusal must have; undefined for those who must be let in. */
  readonly refusal: RegExp | undefined;
}

export interface Visit {
  readonly visitor: Visitor;
  readonly status: number;
  /** What the person was told, in one line. */
  readonly said: string;
  /** Let in or refused as it must be, with an object or without one accordingly. */
  readonly asExpected: boolean;
}

/** How the farm's people prove who they are. */
export type DemoMechanism = 'cert' | 'krb5' | 'ssh';

/** Who knocks at the door of a farm, by its mechanism. */
export const visitorsOf: Readonly<Record<DemoMechanism, readonly Visitor[]>> = {
  cert: [
    { id: 'bob', who: 'bob, a committer', refusal: undefined },
    { id: 'mallory', who: 'mallory, who has a certificate but is no committer', refusal: /commit/ },
    { id: 'carol', who: 'carol, a committer whose certificate was revoked', refusal: /revoked/ },
    { id: 'stranger', who: 'somebody with a certificate for "alice" from another CA', refusal: /CA|issue|trust/ },
  ],
  krb5: [
    { id: 'bob', who: 'bob, a committer', refusal: undefined },
    { id: 'mallory', who: 'mallory, who has a ticket but is no committer', refusal: /commit/ },
    { id: 'carol', who: 'carol, a committer whose ticket has ended', refusal: /run kinit/ },
    { id: 'stranger', who: 'somebody with a ticket for "alice/admin", who is not alice', refusal: /identity rule/ },
  ],
  ssh: [
    { id: 'alice', who: 'alice, a committer, by the fingerprint of her key', refusal: undefined },
    { id: 'bob', who: 'bob, a committer, by an SSH certificate', refusal: undefined },
    { id: 'mallory', who: 'mallory, whose key may log in but who is no committer', refusal: /commit/ },
    { id: 'carol', who: 'carol, a committer whose SSH certificate was revoked', refusal: /revoked/ },
    { id: 'stranger', who: 'somebody with a certificate for "alice" from another authority', refusal: /refuses the login/ },
  ],
};

/** Lets one visitor compile a file of its own in `place`. Nothing may fall back to a local compile. */
export const visit = async (farm: string, place: string, visitor: Visitor, env: NodeJS.ProcessEnv): Promise<Visit> => {
  await mkdir(place, { recursive: true });
  await writeFile(join(place, `${visitor.id}.c`), `int ${visitor.id};\n`);
  const finished = await run(['wardcc', 'gcc', '-c', `${visitor.id}.c`], {
    cwd: place,
    env: { ...env, WARDCC_CONFIG: join(farm, 'people', visitor.id, 'client.jsonc'), WARDCC_FALLBACK: 'never' },
  });
  const said = finished.stderr.split('\n').find((line) => line.trim() !== '')?.trim() ?? '';
  const made = existsSync(join(place, `${visitor.id}.o`));
  const letIn = finished.status === 0 && made;
  const refused = finished.status !== 0 && !made && visitor.refusal?.test(finished.stderr) === true;
  const asExpected = visitor.refusal === undefined ? letIn : refused;
  return { visitor, status: finished.status, said, asExpected };
};
