/**
 * What is measured, in which unit, and what wardcc must reach. docs/bench.md says how each is taken.
 *
 * @module
 */
export interface Measure {
  readonly title: string;
  readonly unit: string;
  /** Digits after the point. */
  readonly digits: number;
  /** At most, for wardcc; by project or by process where they differ. */
  readonly atMost?: number | Readonly<Record<string, number>>;
  /** At least, for wardcc. */
  readonly atLeast?: number;
}

export const measures = {
  cold: { title: 'Nothing cached', unit: '× plain gcc', digits: 2, atMost: { lua: 1.05, redis: 1, re2: 0.98 } },
  coldMs: { title: 'Nothing cached', unit: 'ms a job', digits: 1 },
  cached: { title: 'The same again, cached at the client', unit: 'ms a job', digits: 2, atMost: 2 },
  cachedOver: { title: 'The same again, cached at the client', unit: 'ms a job over /bin/true', digits: 2, atMost: 0.6 },
  another: { title: "Another person's build, cached on the server only", unit: 'ms a job', digits: 2, atMost: 5 },
  newcomer: { title: 'The same by somebody whose agent has just started and knows no file', unit: 'ms a job', digits: 2, atMost: 5 },
  clientCpu: { title: 'Client CPU, nothing cached', unit: 'ms a remote job', digits: 2, atMost: 3 },
  cachedCpu: { title: 'Client CPU, cached at the client', unit: 'ms a job', digits: 2 },
  tiny: { title: 'One tiny job, session open', unit: 'ms', digits: 1, atMost: 20 },
  tinyTimes: { title: 'One tiny job, session open', unit: '× wardcc, cert', digits: 2, atMost: 1.1 },
  first: { title: 'First job of a build, no agent yet', unit: 'ms', digits: 0 },
  firstMore: { title: 'First job of a build, no agent yet', unit: 'ms more than wardcc, cert', digits: 0, atMost: 150 },
  launcher: { title: 'The launcher alone', unit: 'ms over a bare exec', digits: 2, atMost: 1 },
  anotherCpu: { title: 'Client CPU, cached on the server only', unit: 'ms a job', digits: 2 },
  sent: { title: 'Sent a job when one header has changed', unit: '% of the preprocessed text', digits: 2, atMost: 5 },
  frontHits: { title: 'Cached results that one front serves', unit: 'a second and core', digits: 0, atLeast: 800 },
  frontAndKeeper: { title: 'Cached results that one front serves, its log included', unit: 'a second and core', digits: 0 },
  linkCold: { title: 'Nothing cached, over 20 ms and 100 Mbit/s at -j16', unit: '× loopback', digits: 2, atMost: 1.5 },
  linkCached: { title: 'Cached on the server, over 20 ms and 100 Mbit/s at -j16', unit: '× loopback', digits: 2, atMost: 1.2 },
  overIdeal: { title: 'Simulated farm, over the ideal', unit: '%', digits: 1, atMost: 5 },
  agentCpu: { title: 'Simulated farm, CPU of the agent', unit: 'ms a job', digits: 2, atMost: 1.5 },
  memory: { title: 'Memory, the most there ever was', unit: 'MB', digits: 0, atMost: { 'wardcc: agent': 150, 'wardcc: front': 250, 'wardcc: executor': 60 } },
} as const satisfies Readonly<Record<string, Measure>>;

export type MeasureName = keyof typeof measures;

/** What is aimed at; undefined: nothing is, or not for this contender. */
export const aimOf = (name: MeasureName, project: string, contender: string): { readonly limit: number; readonly atMost: boolean } | undefined => {
  if (!contender.startsWith('wardcc')) return undefined;
  const { atMost, atLeast }: Measure = measures[name];
  if (atLeast !== undefined) return { limit: atLeast, atMost: false };
  const limit = typeof atMost === 'number' ? atMost : atMost?.[project] ?? atMost?.[contender];
  return limit === undefined ? undefined : { limit, atMost: true };
};
