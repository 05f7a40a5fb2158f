/**
 * The commands of wardctl. Each lives in its own module, loaded only when it is asked for, so that a script pays for one.
 *
 * @module
 */
import type { Command } from 'commander';

export interface Entry {
  readonly description: string;
  load(): Promise<Command>;
  /** Exit status of a failure, where it isn't the error's own: scripts read 1 as "broken input" there. */
  readonly failure?: number;
}

export const entries: Readonly<Record<string, Entry>> = {
  stats: { description: 'what became of your jobs since counting began, and why', load: async () => (await import('./stats.ts')).statsCommand() },
  hosts: { description: 'servers and their state', load: async () => (await import('./hosts.ts')).hostsCommand() },
  whoami: { description: 'who the servers say you are', load: async () => (await import('./whoami.ts')).whoamiCommand() },
  ping: { description: 'the way to each server and back', load: async () => (await import('./ping.ts')).pingCommand() },
  why: { description: 'what became of a source file, and why', load: async () => (await import('./why.ts')).whyCommand() },
  provenance: {
    description: 'where an object came from, and whether that is proved',
    load: async () => (await import('./provenance.ts')).provenanceCommand(),
    failure: 1,
  },
  config: { description: 'the settings in force and their files', load: async () => (await import('./config.ts')).configCommand() },
  'install-links': {
    description: 'make a directory of links named like compilers',
    load: async () => (await import('./install-links.ts')).installLinksCommand(),
  },
  stop: { description: 'end your agent', load: async () => (await import('./stop.ts')).stopCommand() },
  dev: { description: 'a throwaway farm on loopback', load: async () => (await import('./dev.ts')).devCommand() },
  options: { description: 'compiler options that wardcc knows', load: async () => (await import('./options.ts')).optionsCommand() },
  farm: { description: 'the farm file: what it says, and its signature', load: async () => (await import('./farm.ts')).farmCommand(), failure: 1 },
  policy: {
    description: 'check, ask and compare policies',
    load: async () => (await import('./policy.ts')).policyCommand(),
    failure: 1,
  },
  audit: {
    description: 'verify and search decision logs',
    load: async () => (await import('./audit.ts')).auditCommand(),
    failure: 1,
  },
  certs: { description: 'the small certificate authority', load: async () => (await import('./certs.ts')).certsCommand() },
};
