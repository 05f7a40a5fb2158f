/**
 * What stays of a job after its answer: the result, kept for the next time; on record where its outputs came from; and now and then
 * a second compile that must agree.
 *
 * @module
 */
import { isHeader } from '../../policy/options/index.ts';
import type { CompileCommand } from '../command/index.ts';
import type { FarmResult } from '../farm/farm.ts';
import type { KeptResult } from '../results/result-file.ts';
import { isDrawn } from '../verify/share.ts';
import type { AgentServices } from './types.ts';

type Verification = Parameters<AgentServices['verification']['add']>[0];

type Made = Pick<KeptResult, 'outputs'>;

/** A result as it came, as it was laid out for this command, and what a second compile of it needs. */
interface Finished extends Omit<Verification, 'forget'> {
  readonly result: FarmResult;
  /** The share of jobs that is compiled twice. */
  readonly verify: number;
}

/** A kept result was given out. `known`: as it was signed; `found`: as it was laid out here. */
export const rememberHit = (services: AgentServices, known: KeptResult, found: Made, command: CompileCommand): void => {
  putOnRecord(services, known, found, command);
  if (isHeader(command.language)) services.inputs.precompiled.addAll(found.outputs);
};

/** A server's result was given out. @param key under which it is found again */
export const rememberResult = (services: AgentServices, { verify, ...finished }: Finished, key: string): void => {
  const { command, result, made } = finished;
  const { status, keep } = result.result;
  putOnRecord(services, result, made, command);
  if (status.code !== 0 || status.signal !== 0) return;
  // Nobody waits for it.
  if (keep) setImmediate(() => services.results.keep(key, result));
  // No two precompiled headers are the same.
  if (isHeader(command.language)) services.inputs.precompiled.addAll(keep ? result.outputs : []);
  else if (isDrawn(verify)) services.verification.add({ ...finished, forget: () => services.results.forget(key) });
};

/** Says where outputs came from. Of a result that was laid out again for this checkout, only what is as it was signed. */
const putOnRecord = ({ provenance }: AgentServices, signed: KeptResult, made: Made, { outputs }: CompileCommand): void => {
  if (signed.envelope === undefined) return;
  provenance.signed(signed.envelope, signed.outputs.map(({ index, content }, at) => (made.outputs[at]?.content === content ? outputs[index]?.path : undefined)));
};
