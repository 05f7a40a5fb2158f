/**
 * The life of one job on the server, in order. Each step either goes on or throws a `WardError`, which becomes the job's
 * typed answer; whatever a step took (a place, a slot, an upload) it gives back on every path.
 *
 *  1. decide    the policy says yes or no, by name of rule; the command line is held against the options table
 *  2. log       the decision is in the keeper's log before anything else happens: no log, no job
 *  3. admit     a place among the jobs of this server, or a place in line (`busy`), then `offer`
 *  4. receive   the list of inputs, checked as a tree in memory; then the contents that are not here yet
 *  5. run       an executor's slot, a fresh sandbox, the compiler
 *  6. answer    status, diagnostics and the outputs that were asked for
 *  7. log       how it ended and what it used
 *
 * @module
 */
import { toWardError, WardError } from '../../protocol/errors.ts';
import type { Probe } from '../../protocol/messages.ts';
import type { Stream } from '../../protocol/channel.ts';
import { authorizeJob } from './authorize.ts';
import { bringBlobs } from './bring-blobs.ts';
import { receiveTree } from './receive-tree.ts';
import { sendResult } from './send-result.ts';
import type { JobServices, JobSession } from './services.ts';

/** A job that has not ended by then is dead at once, whatever it waits for. */
const deadlineMs = 20 * 60_000;

/** Runs one job from its probe to its last byte. Never throws: every outcome is on the stream and in the log. */
export async function runJob(stream: Stream, probe: Probe, session: JobSession, services: JobServices): Promise<void> {
  const ending = new AbortController();
  const { signal } = ending;
  const stopWatching = session.whenEnded((error) => ending.abort(error));
  const callOff = services.deadlines.after(deadlineMs, () => ending.abort(new WardError('job-timeout', 'The job was not done after 20 minutes.')));
  stream.onReset(() => ending.abort(new WardError('cancelled')));
  const release: (() => void)[] = [stopWatching, callOff];
  let logged: number | undefined;
  try {
    const { decision, toolchain, seq } = await authorizeJob(probe, session, services);
    logged = seq;
    session.enterDomain(decision.domain);

    const customer = { principal: session.principal, weight: decision.weight };
    release.push(await services.admission.enter(customer, signal, (position) => stream.send({ type: 'busy', position })));
    const tree = receiveTree(stream, probe, toolchain.includeDirs, services, signal);
    stream.send({ type: 'offer', leaseMs: tree.leaseMs, speed: services.speed() });

    const inputs = await tree.received;
    await bringBlobs(stream, inputs.entries, decision.domain, session, services, signal);

    const outcome = await services.executors.run({ probe, decision, toolchain, tree: inputs.encoded }, customer, signal);
    release.push(() => outcome.discard());
    await sendResult(stream, outcome, services.serverName);
    services.log.ended(seq, { principal: session.principal, status: outcome.status, usage: outcome.usage, outputs: outcome.outputs.map(({ digest }) => digest) });
  } catch (thrown) {
    const error = signal.aborted ? toWardError(signal.reason) : toWardError(thrown);
    stream.reset(error);
    if (logged !== undefined) services.log.ended(logged, { principal: session.principal, code: error.code, message: error.message });
  } finally {
    for (const undo of release.reverse()) undo();
  }
}
