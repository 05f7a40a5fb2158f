/**
 * The life of one job on the server, in order. Each step either goes on or throws a `WardError`, which becomes the job's
 * typed answer; whatever a step took (a place, a slot, an upload) it gives back on every path.
 *
 *  1. decide    the policy says yes or no, by name of rule; the command line is held against the options table
 *  2. log       the decision is in the keeper's log before anything else happens: no log, no job
 *  3. look up   has this server done exactly this before (`hit`), or is it doing it now (`running`)? Has another done it (`elsewhere`)?
 *  4. admit     a place among the jobs of this server, or a place in line (`busy`), then `offer`
 *  5. receive   the list of inputs, checked as a tree in memory; then the contents that are not here yet, some of them unasked
 *  6. run       an executor's slot, a fresh sandbox, the compiler
 *  7. answer    status, diagnostics and the outputs that were asked for; a success is signed by the keeper, and kept
 *  8. log       how it ended and what it used
 *
 * @module
 */
import { bytesOf } from '../../protocol/action.ts';
import { toWardError, WardError } from '../../protocol/errors.ts';
import type { Probe } from '../../protocol/messages.ts';
import type { Stream } from '../../protocol/channel.ts';
import { abortable } from './abortable.ts';
import { actionDigest, cacheDomain } from './action.ts';
import { authorizeJob, type Authorized } from './authorize.ts';
import { bringBlobs, expectBlobs } from './bring-blobs.ts';
import { checkModuleMaps } from './check-module-map.ts';
import type { Boarding } from './flights.ts';
import { JobFailure } from './job-failure.ts';
import { offerPlace } from './offer-place.ts';
import { checkPrecompiled, makesPrecompiled } from './precompiled.ts';
import { receiveTree } from './receive-tree.ts';
import { sendKept, sendResult } from './send-result.ts';
import type { Room } from '../store/result-cache.ts';
import type { JobEnd, JobServices, JobSession, Outcome } from './services.ts';

/** A job that has not ended by then is dead at once, whatever it waits for. */
const deadlineMs = 20 * 60_000;

/** Runs one job from its probe to its last byte. Never throws: every outcome is on the stream and in the log. */
export async function runJob(stream: Stream, probe: Probe, session: JobSession, services: JobServices): Promise<void> {
  const ending = new AbortController();
  const release = [
    session.whenEnded((error) => ending.abort(error)),
    services.whenWithdrawn(probe.toolchain, (error) => ending.abort(error)),
    services.deadlines.after(deadlineMs, () => ending.abort(new WardError('job-timeout', 'The job was not done after 20 minutes.'))),
  ];
  stream.onReset(() => ending.abort(new WardError('cancelled')));
  let seq: number | undefined;
  const end = (how: Omit<JobEnd, 'principal'>): void => {
    if (seq !== undefined) services.log.ended(seq, { principal: session.principal, ...how });
  };
  try {
    const authorized = await authorizeJob(probe, session, services, (logged) => (seq = logged));
    session.enterDomain(authorized.decision.domain);
    end(await answerJob({ stream, probe, session, services, signal: ending.signal, release }, authorized));
  } catch (thrown) {
    const error = ending.signal.aborted ? toWardError(ending.signal.reason) : toWardError(thrown);
    stream.reset(error);
    end({ code: error.code, message: error.message, ...(error instanceof JobFailure ? { usage: error.usage } : {}) });
  } finally {
    for (const undo of release.reverse()) undo();
  }
}

interface Job {
  readonly stream: Stream;
  readonly probe: Probe;
  readonly session: JobSession;
  readonly services: JobServices;
  readonly signal: AbortSignal;
  /** What is to be given back at the end. */
  readonly release: (() => void)[];
}

interface Aboard {
  readonly boarding: Boarding<Outcome>;
  /** Gives the place among the jobs of this server back, if the job has one. */
  readonly leavePlace?: () => void;
}

/** Steps 3 to 7. Returns what the log is to say. */
async function answerJob(job: Job, { decision, toolchain, seq }: Authorized): Promise<Omit<JobEnd, 'principal'>> {
  const { stream, probe, session, services, signal, release } = job;
  const domain = cacheDomain(decision, session.committer);
  const to = { stream, unread: services.unread, packs: probe.zstd === true };
  const action = actionDigest(probe, domain ?? decision.domain);
  const room: Room = (bytes) => {
    const leave = services.unread.hold(session.principal, bytes);
    if (leave !== undefined) release.push(leave);
    return leave;
  };
  const kept = domain === undefined ? undefined : await services.results.find(domain, action, room);
  const certify = async (outputs: readonly { readonly index: number; readonly digest: string }[]): Promise<void> => {
    const [main] = outputs.filter(({ index }) => index === 0);
    if (domain !== undefined && main !== undefined && makesPrecompiled(probe)) await services.keeping.certify(domain, { toolchain: probe.toolchain, job: seq }, main.digest);
  };
  if (domain !== undefined && kept !== undefined) {
    signal.throwIfAborted();
    await certify(kept.record.outputs);
    signal.throwIfAborted();
    await abortable(sendKept(to, kept, services.load), signal);
    return { action, status: { code: 0, signal: 0 }, outputs: kept.record.outputs.map(({ digest }) => digest) };
  }
  const elsewhere = domain === undefined ? undefined : services.pointers.find(action);
  if (elsewhere !== undefined) stream.send({ type: 'elsewhere', server: elsewhere });

  // Nobody shares what may not be shared: then the decision's own number keeps the compile apart. Nor is anybody's job run under another rule's limits.
  const flight = domain === undefined ? `job ${seq}` : `${action} ${JSON.stringify(decision.limits)}`;
  const { boarding, leavePlace } = services.flights.has(flight) ? join(job, flight) : await begin(job, { decision, toolchain, seq }, flight);
  release.push(boarding.leave);
  const outcome = await abortable(boarding.result, signal);
  const result = await services.keeping.sign({ digest: action, toolchain: probe.toolchain, job: seq, names: probe.outputs }, outcome);
  // The compiler may have been withdrawn meanwhile: what was sent or certified cannot be taken back.
  signal.throwIfAborted();
  if (result !== undefined) await certify(result.record.outputs);
  signal.throwIfAborted();
  const giving = { server: services.serverName, keep: domain !== undefined, signed: result?.signature, load: services.load };
  const send = (): Promise<void> => sendResult(to, outcome, giving);
  await abortable(services.unread.send({ principal: session.principal, bytes: bytesOf(outcome), leavePlace }, send), signal);
  if (domain !== undefined && result !== undefined) await services.keeping.keep(domain, result, outcome);
  return { action, status: outcome.status, usage: outcome.usage, outputs: outcome.outputs.map(({ digest }) => digest) };
}

/** The same compile is under way: nothing has to be sent, only waited for. */
function join({ stream, services }: Job, flight: string): Aboard {
  stream.send({ type: 'running' });
  return { boarding: services.flights.board(flight, () => Promise.reject(new WardError('internal', 'A compile under way was not there.'))) };
}

/** Steps 4 to 6. */
async function begin({ stream, probe, session, services, signal, release }: Job, { decision, toolchain }: Authorized, flight: string): Promise<Aboard> {
  const { weight, quota, domain } = decision;
  const customer = { principal: session.principal, weight, quota };
  services.store.shares.grant(session.committer, quota.storePercent);
  const expect = (digests: readonly string[]): void => void release.push(expectBlobs(digests, domain, session, services));
  const tree = receiveTree(stream, probe, { includeDirs: toolchain.includeDirs, expect }, services, signal);
  const leavePlace = await offerPlace({ stream, session, customer, toolchain: toolchain.digest, tree }, services, signal);
  release.push(leavePlace);
  const inputs = await tree.received;
  await bringBlobs(stream, inputs.entries, domain, session, services, signal);
  await checkPrecompiled(inputs.entries, probe.toolchain, cacheDomain(decision, session.committer), services.results);
  await checkModuleMaps(probe, inputs.entries, services.store.directoryOf(domain));
  const run = (ended: AbortSignal): Promise<Outcome> =>
    services.executors.run({ probe, decision, toolchain, tree: inputs.encoded }, { principal: session.principal, weight }, ended);
  return { boarding: services.flights.board(flight, run), leavePlace };
}
