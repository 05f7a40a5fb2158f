/**
 * `who` entries and groups: read, checked for undefined names and cycles, and flattened once, so that a decision never follows a reference.
 *
 * @module
 */
import { isCommitterName, parsePrincipal } from './principal.ts';
import type { Who } from './types.ts';

/** Reads one entry; a string is the complaint. */
export const parseWho = (text: string): Who | string => {
  if (text === '*') return { kind: 'anybody' };
  const kind = text.slice(0, text.indexOf(':'));
  const name = text.slice(kind.length + 1);
  if (kind === 'committer') return isCommitterName(name) ? { kind, name } : `${JSON.stringify(name)} is no name of a committer`;
  if (kind === 'group' || kind === 'source') return { kind, id: name };
  const principal = parsePrincipal(text);
  return principal === undefined ? `${JSON.stringify(text)} is no principal` : { kind: 'principal', principal };
};

export const formatWho = (who: Who): string => {
  if (who.kind === 'anybody') return '*';
  if (who.kind === 'principal') return `${who.principal.mechanism}:${who.principal.name}`;
  return `${who.kind}:${who.kind === 'committer' ? who.name : who.id}`;
};

/** The members of each group with nested groups replaced; `cycles` are groups that contain themselves, each with the way back. */
export const flattenGroups = (
  groups: ReadonlyMap<string, readonly Who[]>,
): { flat: Map<string, readonly Who[]>; cycles: { group: string; way: string[] }[] } => {
  const flat = new Map<string, readonly Who[]>();
  const cycles: { group: string; way: string[] }[] = [];
  const flatten = (id: string, way: string[]): readonly Who[] => {
    const known = flat.get(id);
    if (known !== undefined) return known;
    if (way.includes(id)) {
      cycles.push({ group: id, way: [...way.slice(way.indexOf(id)), id] });
      return [];
    }
    const members = (groups.get(id) ?? []).flatMap((who) => (who.kind === 'group' ? flatten(who.id, [...way, id]) : [who]));
    const unique = [...new Map(members.map((who) => [formatWho(who), who])).values()];
    flat.set(id, unique);
    return unique;
  };
  for (const id of groups.keys()) flatten(id, []);
  return { flat, cycles };
};
