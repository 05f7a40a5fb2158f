/**
 * A compiler that is withdrawn while an answer is being made ready: nobody gets that answer, and no proof of it is kept.
 *
 * @module
 */
import test from 'ava';
import { WardError } from '../../../protocol/errors.ts';
import type { Probe } from '../../../protocol/messages.ts';
import type { Stream } from '../../../protocol/channel.ts';
import { runJob } from '../../../server/jobs/job.ts';
import type { JobServices, JobSession, Outcome } from '../../../server/jobs/services.ts';

const digest = 'ab'.repeat(32);
const probe: Probe = {
  type: 'probe', id: '1', project: 'p', toolchain: digest, compiler: '/usr/bin/gcc', language: 'c-header', argv: ['/usr/bin/gcc', '-c', 'a.h'],
  env: {}, cwd: '/w', umask: 0o022, outputs: ['/w/a.h.gch'], tree: digest, treeBytes: 1, inputBytes: 1,
};
const part = { digest, size: 0 };
const record = { action: digest, stdout: part, stderr: part, outputs: [{ ...part, index: 0, mode: 0o644 }], server: 's' };
const kept = { record, stdout: Buffer.alloc(0), stderr: Buffer.alloc(0), outputs: [Buffer.alloc(0)] };
const outcome = { status: { code: 0, signal: 0 }, usage: {}, stdout: { path: '', size: 0 }, stderr: { path: '', size: 0 }, outputs: [] } as unknown as Outcome;

/** What becomes of a job in one of whose steps the compiler is withdrawn; in the first it is so for good. */
const withdrawnIn = async (step: 'allow' | 'find' | 'sign' | 'certify', isKept: boolean): Promise<{ said: unknown[]; certified: number; ended: unknown }> => {
  const said: unknown[] = [];
  let certified = 0;
  let ended: unknown;
  let withdraw = (_: WardError): void => {};
  const reach = (name: string): void => {
    if (name === step) withdraw(new WardError('toolchain-unknown', 'The compiler /usr/bin/gcc was changed.'));
  };
  const services = {
    serverName: 's',
    toolchain: () => ({
      digest, name: '/usr/bin/gcc', family: 'gcc', root: '', includeDirs: [], canary: '', ...(step === 'allow' ? { withdrawn: 'The compiler /usr/bin/gcc was changed.' } : {}),
    }),
    decide: () => ({ request: {}, decision: { verdict: 'allow', domain: 'project:p', cache: 'domain', limits: {}, quota: {}, weight: 1 } }),
    log: { decided: async () => 1, ended: (_: number, how: unknown) => void (ended = how) },
    deadlines: { after: () => () => {} },
    whenWithdrawn: (_: string, end: (reason: WardError) => void) => {
      withdraw = end;
      return () => {};
    },
    results: { find: async () => (reach('find'), isKept ? kept : undefined) },
    pointers: { find: () => undefined },
    flights: { has: () => true, board: () => ({ result: Promise.resolve(outcome), leave: () => {} }) },
    keeping: {
      sign: async () => (reach('sign'), { record, signature: {} }),
      certify: async () => (reach('certify'), void certified++),
      keep: async () => {},
    },
    unread: { hold: () => () => {}, send: async (_: unknown, send: () => Promise<void>) => send(), write: async () => {} },
    load: () => ({ free: 1, waiting: 0 }),
  } as unknown as JobServices;
  const session = { principal: 'cert:a', committer: 'a', domains: new Set(), enterDomain: () => {}, whenEnded: () => () => {} } as unknown as JobSession;
  const stream = {
    onReset: () => {},
    send: ({ type }: { type: string }) => said.push(type),
    reset: ({ code, class: kind, message }: WardError) => said.push([code, kind, message]),
  } as unknown as Stream;
  await runJob(stream, probe, session, services);
  return { said, certified, ended };
};

const reason = ['toolchain-unknown', new WardError('toolchain-unknown').class, 'The compiler /usr/bin/gcc was changed.'];

for (const [step, isKept, before, certified] of [
  ['allow', false, [], 0], ['find', true, [], 0], ['certify', true, [], 1], ['sign', false, ['running'], 0], ['certify', false, ['running'], 1],
] as const) {
  test(`a compiler that is withdrawn in the step "${step}" of ${isKept ? 'a kept result' : 'a compile'} gives no answer`, async (t) => {
    const { said, certified: proofs, ended } = await withdrawnIn(step, isKept);
    t.deepEqual(said, [...before, reason]);
    t.is(proofs, certified);
    t.like(ended, { code: 'toolchain-unknown', message: 'The compiler /usr/bin/gcc was changed.' });
  });
}
