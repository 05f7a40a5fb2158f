/**
 * Whether a result may be believed, where the client has a farm file: the keeper of a server of this farm must have signed it, for
 * exactly this job and in an epoch that still counts.
 *
 * @module
 */
import type { Farm } from '../../policy/farm.ts';
import { verifyResult } from '../../policy/log/checkpoint.ts';
import { actionDigest, resultDigest, type ResultParts } from '../../protocol/action.ts';
import { cleanText } from '../../protocol/alert.ts';
import { WardError } from '../../protocol/errors.ts';
import type { Probe, Result } from '../../protocol/messages.ts';

/** Attacker-controlled result. @throws WardError `result-untrusted` for a success that nobody of the farm stands for */
export const verifySigned = (
  farm: Pick<Farm, 'epoch' | 'servers'>, probe: Probe, { status, server, signed }: Result, parts: ResultParts,
): void => {
  if (status.code !== 0 || status.signal !== 0) return;
  const name = cleanText(server, 256);
  const refuse = (why: string): WardError => new WardError('result-untrusted', `A result of the server ${name} is not used: ${why}.`);
  if (signed === undefined) throw refuse('it is not signed');
  const { domain, epoch, key, signature } = signed;
  const known = farm.servers.get(server);
  if (known === undefined) throw refuse('the farm file does not name this server');
  const publicKey = known.resultKeys.get(key);
  if (publicKey === undefined) throw refuse(`the farm file does not list the key ${key} for this server`);
  if (epoch < farm.epoch) throw refuse(`it is of epoch ${epoch}, and the farm file of epoch ${farm.epoch}`);
  if (!verifyResult({ server, epoch, action: actionDigest(probe, domain), result: resultDigest(parts) }, signature, publicKey)) {
    throw refuse('its signature is not valid for this job');
  }
};
