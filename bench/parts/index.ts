/**
 * The parts of the bench, in the order in which they run.
 *
 * @module
 */
import { measureBuilds } from './builds.ts';
import { measureTiny } from './tiny.ts';
import { measureChanged } from './changed.ts';
import { measureFront } from './front.ts';
import { measureLink } from './link.ts';
import { measureMemory } from './memory.ts';
import { measureSimulation } from './simulation.ts';
import type { Context } from './part.ts';

export const parts = {
  tiny: measureTiny,
  lua: (context) => measureBuilds(context, 'lua'),
  redis: (context) => measureBuilds(context, 'redis'),
  re2: (context) => measureBuilds(context, 're2'),
  changed: measureChanged,
  front: measureFront,
  link: measureLink,
  memory: measureMemory,
  simulation: measureSimulation,
} as const satisfies Readonly<Record<string, (context: Context) => Promise<void>>>;

export type PartName = keyof typeof parts;

/**
 * The parts that `--only` names.
 *
 * @throws Error for a name that there is not
 */
export const chooseParts = (text: string): PartName[] => {
  const named = text.split(',').map((name) => name.trim());
  const unknown = named.find((name) => !Object.hasOwn(parts, name));
  if (unknown !== undefined) throw new Error(`--only ${unknown}: the parts are ${Object.keys(parts).join(', ')}`);
  return (Object.keys(parts) as PartName[]).filter((name) => named.includes(name));
};
