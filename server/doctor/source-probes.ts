/**
 * The policy and its committer sources: each is read as the server reads it, and says how soon a change counts.
 *
 * @module
 */
import type { SourceStatus } from '../../policy/committers/source.ts';
import { readGuarded } from '../../policy/guarded-read.ts';
import { loadPolicy } from '../../policy/load.ts';
import type { Policy } from '../../policy/types.ts';
import { caution, pass, type Finding } from './finding.ts';
import { probeSettings } from './files.ts';

/** A source whose last answer counts for longer keeps somebody's right alive for longer. */
const longestStaleSeconds = 86_400;

/** The policy, and what it loads; the sources are examined one by one afterwards. @throws WardError when it cannot be loaded */
export const probePolicy = async (file: string, loaded: (policy: Policy) => void): Promise<Finding> => {
  const finding = probeSettings('policy', file);
  if (finding.grade === 'FAIL') return finding;
  const policy = await loadPolicy(file, { readFile: readGuarded });
  loaded(policy);
  const { serial, warnings } = policy;
  return warnings.length === 0
    ? pass('policy', `serial ${serial} is in order`)
    : caution('policy', `serial ${serial} has ${warnings.length} warnings`, 'wardctl policy check shows them.');
};

export const probeSource = ({ id, kind, people, worstDelaySeconds, staleSeconds }: SourceStatus): Finding => {
  const probe = `committers ${id}`;
  const who = people === undefined ? 'whoever its patterns name' : people === 1 ? 'one person' : `${people} people`;
  const says = `${kind}, ${who}; a change counts within ${worstDelaySeconds} s, the last good answer for ${staleSeconds} s`;
  if (people === 0) return caution(probe, says, 'Nobody may compile by this source: is that intended?');
  if (staleSeconds <= longestStaleSeconds) return pass(probe, says);
  return caution(probe, says, 'While the source cannot be read, somebody who lost the right keeps it that long: lower "staleSeconds".');
};
