/**
 * The life of one job, as the agent sees it, in order.
 *
 *  1. understand   what does the command read, write and depend on? What cannot travel is local, with its reason
 *  2. identify     which compiler is it, by content?
 *  3. collect      every file the compile can read, as a tree
 *  4. place        the result is kept here, or a server has it, or a server with exactly that compiler runs it
 *  5. deliver      outputs and diagnostics as a local compile would have left them, and where they came from is put on record;
 *                 if an input has changed meanwhile, from step 3 again
 *
 * Whatever the farm could not do is thrown; the caller decides by the `fallback` setting what becomes of it.
 *
 * @module
 */
import { WardError } from '../../protocol/errors.ts';
import type { Toolchain } from '../../toolchain/describe.ts';
import { localReasons, moveCommand, understandCommand, type CompileCommand } from '../command/index.ts';
import { collectInputs } from '../inputs/collect.ts';
import { looksFrom, monotonicMs } from '../inputs/file-table.ts';
import { inputReasons } from '../inputs/reasons.ts';
import { fromCheckout } from '../results/checkout.ts';
import { deliver, hidesSomething, namesMissingFile } from '../results/deliver.ts';
import { LocalResults } from '../results/local-results.ts';
import { assemble } from './assemble.ts';
import { asTyped } from './displaced.ts';
import { fallbackFor } from './fallback.ts';
import { compileOrTakeSlot, type Placed } from './overflow.ts';
import { rememberHit, rememberResult } from './remember.ts';
import type { LocalToolchain } from './toolchains.ts';
import type { AgentServices, JobOutcome, LauncherReply, LauncherRequest } from './types.ts';

/** How often a job is done again whose inputs change under it, before it is done here. */
const mostChanges = 1;

/** Decides what becomes of a compile. @throws WardError when the farm could not do it, or refused */
export async function runJob(request: LauncherRequest, services: AgentServices, reply: LauncherReply, signal: AbortSignal): Promise<JobOutcome> {
  const begun = performance.now();
  const took = (): number => performance.now() - begun;

  const command = await understandCommand(request);
  if (command.kind === 'local') {
    const { reason, detail, probe, source } = command;
    return { how: 'local', reason, message: sentence(localReasons[reason], detail), unlimited: probe, ...(source === undefined ? {} : { source }), ms: took() };
  }
  const local = (reason: string, message: string): JobOutcome => ({ how: 'local', reason, message, source: command.source, ms: took() });

  services.farm.prepare(request.env);
  services.warmUp.note(request.env);
  const since = looksFrom(request.begunMs);
  const toolchain = await services.toolchains.get(command.compiler, since).catch((error: unknown) => error);
  if (toolchain instanceof WardError) return local('toolchain-odd', toolchain.message);
  if (toolchain instanceof Error) throw toolchain;
  const { toolchain: compiler, canary } = toolchain as LocalToolchain;
  const foreign = services.pathPrograms.foreign(compiler, { path: request.path, cwd: request.cwd, since });
  if (foreign !== undefined) return local('toolchain-odd', `PATH leads the compiler to ${foreign}, which is no part of it.`);

  const job: Job = { request, services, reply, signal, command, compiler, canary, local, took };
  const again: { again?: Again } = {};
  let sent = services.displaced.settle(command);
  for (let changes = 0; changes <= mostChanges;) {
    const outcome = await attempt(job, sent, changes === 0 ? since : monotonicMs());
    if (typeof outcome === 'object') return { ...outcome, ...again };
    again.again = outcome;
    if (outcome === 'changing-input') changes += 1;
    else sent = asTyped(command);
  }
  return { ...local('changing-input', inputReasons['changing-input']), ...again };
}

interface Job {
  readonly request: LauncherRequest;
  readonly services: AgentServices;
  readonly reply: LauncherReply;
  readonly signal: AbortSignal;
  readonly command: CompileCommand;
  readonly compiler: Toolchain;
  readonly canary: string;
  local(reason: string, message: string): JobOutcome;
  /** Milliseconds since the request. */
  took(): number;
}

/**
 * Why steps 3 to 5 are done again: an input is not what it was any more, so what came back is the result of something else; or the
 * result shows that it was made in the common checkout.
 */
type Again = 'changing-input' | 'displaced';

/** Steps 3 to 5. Looks at files before `since` do not count. */
async function attempt(
  { request, services, reply, signal, compiler, canary, local, took }: Job, command: CompileCommand, since: number,
): Promise<JobOutcome | Again> {
  const { project, farm, verify } = services.farm.config(request.env);
  const inputs = await collectInputs(command, compiler, { memory: services.inputs, since, signal });
  if (inputs.reason !== undefined) return local(inputs.reason.code, sentence(inputReasons[inputs.reason.code], inputs.reason.detail));

  const sent = inputs.checkout === undefined ? command : moveCommand(command, inputs.checkout);
  const job = assemble(sent, inputs, compiler.digest, project, request.umask);
  const key = LocalResults.key(job.probe, farm?.epoch);
  const known = services.results.find(key);
  const found = known === undefined || inputs.checkout === undefined ? known : fromCheckout(known, command);
  if (known !== undefined && found !== undefined && !hidesSomething(found)) {
    deliver({ ...found, status: { code: 0, signal: 0 } }, command, reply);
    rememberHit(services, known, found, command);
    return { how: 'hit', reason: 'kept here', source: command.source, ms: took() };
  }
  const options = { env: request.env, canary };
  const mayBeLocal = fallbackFor(request, services.farm.settings) !== 'never';
  let placed: Placed;
  try {
    placed = mayBeLocal
      ? await compileOrTakeSlot(services.farm, services.localSlots, job, signal, options)
      : { result: await services.farm.compile(job, signal, options) };
  } catch (error) {
    if (error instanceof WardError && error.code === 'input-missing') return 'changing-input';
    throw error;
  }
  if ('slot' in placed) return { ...local('farm-full', 'Every server is busy and a slot of this machine was free.'), slot: placed.slot };
  const { result } = placed;
  // A result that was there already left no time in which a local compile would have noticed a change.
  if (!result.result.cached && !inputs.unchanged(monotonicMs())) return 'changing-input';
  const made = inputs.checkout === undefined ? result : fromCheckout(result, command);
  if (made === undefined || (inputs.checkout !== undefined && result.result.status.code !== 0 && namesMissingFile(result.stderr))) {
    services.displaced.count(command);
    return 'displaced';
  }
  // The closure was wrong, or a file came and went: the compiler here says what is true.
  if (result.result.status.code !== 0 && namesMissingFile(result.stderr)) return local('scanner-miss', 'The server missed a file that may exist here.');
  // A compiler of this machine may show what a server may not.
  if (hidesSomething(made)) return local('control-characters', 'Diagnostics hold control characters, as the source may.');

  const { status, cached } = result.result;
  deliver({ ...made, status }, command, reply);
  const unchanged = (): boolean => inputs.unchanged(monotonicMs());
  rememberResult(services, { command, job, result, made, path: request.path ?? '', options, verify, unchanged }, key);
  return { how: cached ? 'hit' : 'remote', server: result.server, source: command.source, ms: took() };
}

const sentence = (text: string, detail: string | undefined): string => (detail === undefined ? text : `${text} (${detail})`);
