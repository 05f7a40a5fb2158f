/**
 * What a job of the attack tests may use: little, so that an attack which takes without end is stopped soon.
 *
 * @module
 */
import type { Limits } from '../../policy/types.ts';

export const tightLimits: Limits = Object.freeze({
  cpuSeconds: 2,
  wallSeconds: 6,
  memoryBytes: 384 << 20,
  processes: 24,
  fileBytes: 8 << 20,
  outputBytes: 16 << 20,
  inodes: 4000,
  diagnosticsBytes: 256 << 10,
  openFiles: 128,
});
