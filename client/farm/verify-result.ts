/**
 * Whether a result may be believed, where the client has a farm file: the keeper of a server of this farm must have signed it, for
 * exactly this job and in an epoch that still counts. What it signed is kept as the object's provenance.
 *
 * @module
 */
import type { Farm } from '../../policy/farm.ts';
import { verifyResult } from '../../policy/log/checkpoint.ts';
import { actionDigest, type ResultParts } from '../../protocol/action.ts';
import { cleanText } from '../../protocol/alert.ts';
import { WardError } from '../../protocol/errors.ts';
import type { Probe, Result } from '../../protocol/messages.ts';
import { envelopeOf, statementOf, type Envelope } from '../../protocol/statement.ts';

/** What the keeper must have signed of a result, if it is the result of this job. */
const expected = (probe: Probe, { server, signed }: Result & { signed: object }, parts: ResultParts): string => {
  const { domain, epoch, job, principal, policy, finished } = signed;
  const action = actionDigest(probe, domain);
  return statementOf({ server, epoch, job, principal, domain, policy, toolchain: probe.toolchain, action, finished }, parts, probe.outputs);
};

/**
 * Attacker-controlled result. Gives what was signed of it; undefined for a failure, and for a success that nobody signed.
 *
 * @param farm whose signatures count; undefined: no signature is looked at
 * @throws WardError `result-untrusted` for a success that nobody of the farm stands for
 */
export const verifySigned = (
  farm: Pick<Farm, 'epoch' | 'servers'> | undefined, probe: Probe, result: Result, parts: ResultParts,
): Envelope | undefined => {
  const { status, server, signed } = result;
  if (status.code !== 0 || status.signal !== 0) return undefined;
  if (farm === undefined) return signed === undefined ? undefined : envelopeOf(expected(probe, { ...result, signed }, parts), signed);
  const name = cleanText(server, 256);
  const refuse = (why: string): WardError => new WardError('result-untrusted', `A result of the server ${name} is not used: ${why}.`);
  if (signed === undefined) throw refuse('it is not signed');
  const known = farm.servers.get(server);
  if (known === undefined) throw refuse('the farm file does not name this server');
  const publicKey = known.resultKeys.get(signed.key);
  if (publicKey === undefined) throw refuse(`the farm file does not list the key ${signed.key} for this server`);
  if (signed.epoch < farm.epoch) throw refuse(`it is of epoch ${signed.epoch}, and the farm file of epoch ${farm.epoch}`);
  const statement = expected(probe, { ...result, signed }, parts);
  if (!verifyResult(statement, signed.signature, publicKey)) throw refuse('its signature is not valid for this job');
  return envelopeOf(statement, signed);
};
