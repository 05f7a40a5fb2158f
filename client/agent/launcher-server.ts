/**
 * One connection of a launcher: reads its request, has the job done, answers.
 *
 * 1. The request arrives; a launcher that sees another file system is told to compile by itself.
 * 2. `runJob` decides and, if a server did it, has handed over files and text.
 * 3. A local job waits for a slot, and holds it until the compiler's copy of the socket is closed.
 * 4. The outcome is counted and remembered, once. A launcher that went away before has cancelled its job.
 *
 * @module
 */
import type { Socket } from 'node:net';
import { toWardError, WardError } from '../../protocol/errors.ts';
import { explainCause, explainLine, objectsOf, wantsExplanation, type Decisions } from './explain.ts';
import { fallbackFor, outcomeOfError } from './fallback.ts';
import { answerFrames, decodeRequest, runFlags } from './launcher-protocol.ts';
import type { SlotLease } from './local-slots.ts';
import type { Stats } from './stats.ts';
import type { BaseServices, ExitStatus, JobOutcome, LauncherReply, LauncherRequest } from './types.ts';

/** Signature of `client/agent/job.ts`. @throws WardError; anything else is a bug and counts as `internal` */
export type RunJob<S> = (request: LauncherRequest, services: S, reply: LauncherReply, signal: AbortSignal) => Promise<JobOutcome>;

export interface LauncherContext<S extends BaseServices> {
  readonly runJob: RunJob<S>;
  readonly services: S;
  readonly stats: Stats;
  readonly decisions: Decisions;
  /** Identity of the agent's own file system. */
  readonly namespace: string;
}

/** Hands outputs to the launcher as they come; the launcher shows nothing before the end that `finish` sends. */
class SocketReply implements LauncherReply {
  status: ExitStatus | undefined;
  readonly #socket: Socket;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  output(path: string, mode: number, content: Buffer): void {
    this.send(answerFrames.output(path, mode, content));
  }

  remove(path: string): void {
    this.send(answerFrames.remove(path));
  }

  stdout(bytes: Buffer): void {
    this.send(answerFrames.stdout(bytes));
  }

  stderr(bytes: Buffer): void {
    this.send(answerFrames.stderr(bytes));
  }

  done(status: ExitStatus): void {
    this.status = status;
  }

  send(buffers: readonly Buffer[]): void {
    this.#socket.cork();
    for (const buffer of buffers) this.#socket.write(buffer);
    this.#socket.uncork();
  }
}

/** Serves one launcher until its connection has closed. Never throws. */
export const serveLauncher = async <S extends BaseServices>(
  socket: Socket, payload: Buffer, context: LauncherContext<S>,
): Promise<void> => {
  const begun = performance.now();
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  const controller = new AbortController();
  void closed.then(() => controller.abort(new WardError('cancelled')));
  let request: LauncherRequest;
  try {
    request = decodeRequest(payload);
  } catch {
    socket.destroy();
    return;
  }
  const reply = new SocketReply(socket);
  const outcome = await decideJob(request, reply, context, controller.signal, begun);
  if (controller.signal.aborted) {
    outcome.slot?.release();
    context.stats.countCancelled();
    return;
  }
  if (outcome.how !== 'local') {
    context.stats.count(outcome);
    context.decisions.remember(request, outcome);
    finish(request, outcome, reply, socket, context.services);
    return;
  }
  await runLocally(request, outcome, reply, context, controller.signal, closed);
};

/** `runJob` with its errors turned into outcomes. */
const decideJob = async <S extends BaseServices>(
  request: LauncherRequest, reply: SocketReply, context: LauncherContext<S>, signal: AbortSignal, begun: number,
): Promise<JobOutcome> => {
  const ms = (): number => performance.now() - begun;
  if (request.namespace !== context.namespace) return { how: 'local', reason: 'other-file-system', ms: ms() };
  if (!request.isUtf8) return { how: 'local', reason: 'non-utf8-path', ms: ms() };
  try {
    const outcome = await context.runJob(request, context.services, reply, signal);
    if ((outcome.how === 'remote' || outcome.how === 'hit') && reply.status === undefined) {
      throw new WardError('internal', 'The job ended without a status.');
    }
    return outcome;
  } catch (thrown) {
    return outcomeOfError(toWardError(thrown), fallbackFor(request, context.services.farm.settings), ms());
  }
};

const finish = (request: LauncherRequest, outcome: JobOutcome, reply: SocketReply, socket: Socket, services: BaseServices): void => {
  if (outcome.how === 'denied' || outcome.how === 'failed') {
    const text = outcome.message ?? `wardcc: ${outcome.reason ?? outcome.how}\n`;
    reply.send(answerFrames.refuse(outcome.exit ?? 116, text.endsWith('\n') ? text : `${text}\n`));
  } else {
    const alarm = services.verification.alarms.takeNotices();
    if (alarm !== undefined) reply.stderr(Buffer.from(alarm));
    if (wantsExplanation(request)) reply.stderr(Buffer.from(explainLine(request, outcome)));
    reply.send(answerFrames.done(reply.status!.code, reply.status!.signal));
  }
  socket.end();
};

const runLocally = async (
  request: LauncherRequest, outcome: JobOutcome, reply: SocketReply, context: Omit<LauncherContext<BaseServices>, 'runJob'>,
  signal: AbortSignal, closed: Promise<void>,
): Promise<void> => {
  const slots = context.services.localSlots;
  let lease: SlotLease;
  try {
    lease = outcome.slot ?? (outcome.unlimited === true ? slots.unlimited() : await slots.acquire(signal));
  } catch {
    context.stats.countCancelled();
    return;
  }
  context.stats.count(outcome);
  context.decisions.remember(request, outcome);
  if (outcome.unlimited !== true) context.services.provenance.local(objectsOf(request), outcome.reason ?? 'unknown');
  const explain = wantsExplanation(request);
  const say = explain ? runFlags.reporting : outcome.notice === undefined ? 0 : runFlags.saying;
  const flags = say | (outcome.unlimited === true ? runFlags.uncounted : 0);
  reply.send(answerFrames.run(flags, explain ? explainCause(request, outcome) : (outcome.notice ?? '')));
  await closed;
  lease.release();
};
