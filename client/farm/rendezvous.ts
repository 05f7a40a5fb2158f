/**
 * Which server is a job's home: rendezvous hashing of what is compiled with each server's name. Every client finds the same home without
 * asking anybody, and a server that comes or goes moves only its own share of the jobs. A file that was edited keeps its home, which
 * has everything else that it needs, and so has the same file of another checkout.
 *
 * @module
 */
import type { Probe } from '../../protocol/messages.ts';

/** Directory and name of what is made: the same in every checkout, whatever is in the files. */
export const homeKey = ({ project, outputs }: Pick<Probe, 'project' | 'outputs'>): string =>
  `${project}\0${(outputs[0] ?? '').split('/').slice(-2).join('/')}`;

/** FNV-1a with a final avalanche (32 bits): the weights of similar names must not be similar. */
const weight = (key: string, name: string): number => {
  let state = 0x811c9dc5;
  for (const text of [key, '\0', name]) {
    for (let at = 0; at < text.length; at++) state = Math.imul(state ^ text.charCodeAt(at), 0x01000193);
  }
  state = Math.imul(state ^ (state >>> 16), 0x85ebca6b);
  state = Math.imul(state ^ (state >>> 13), 0xc2b2ae35);
  return (state ^ (state >>> 16)) >>> 0;
};

/** The servers in the order in which a job with this key prefers them: its home first. */
export const rank = <T>(servers: readonly T[], key: string, nameOf: (server: T) => string): T[] => {
  if (servers.length < 2) return [...servers];
  return servers
    .map((server) => ({ server, name: nameOf(server), weight: weight(key, nameOf(server)) }))
    .sort((a, b) => b.weight - a.weight || (a.name < b.name ? -1 : 1))
    .map(({ server }) => server);
};
