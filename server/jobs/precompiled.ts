/**
 * Precompiled headers are images of a compiler's memory, and the compiler believes them. So the only ones that are taken as inputs
 * are those that a compiler of this farm wrote: the same toolchain, in the same cache domain. The proof is a signed record under a
 * name that says all of this, kept where results are kept, and shared with the other servers where results are.
 *
 * @module
 */
import { hash } from 'node:crypto';
import { basename } from 'node:path';
import { deriveOutputs, isHeader, readArguments } from '../../policy/options/index.ts';
import { WardError } from '../../protocol/errors.ts';
import type { Probe } from '../../protocol/messages.ts';
import type { TreeEntry } from '../../protocol/tree.ts';
import { isCompiledName } from '../executor/compiled-header.ts';
import type { ResultCache } from '../store/result-cache.ts';

/** A name that no action of a job can have: those begin with another word. */
export const precompiledName = (domain: string, toolchain: string, digest: string): string =>
  hash('sha256', JSON.stringify(['wardcc precompiled header', 1, domain, toolchain, digest]), 'hex');

/**
 * Whether the first output of a job is a precompiled header: by the command, not only by what the client says. Attacker-controlled: no
 * other file of the command may pass for it.
 */
export function makesPrecompiled({ language, argv, outputs }: Pick<Probe, 'language' | 'argv' | 'outputs'>): boolean {
  if (!isHeader(language)) return false;
  const made = deriveOutputs(readArguments(argv, 'gcc'), 'gcc');
  const [main, ...others] = made.map(({ path }) => basename(path));
  return made[0]?.role === 'precompiled' && basename(outputs[0] ?? '') === main && !others.includes(main);
}

/**
 * Attacker-controlled entries.
 *
 * @param domain undefined: this job may not use what others, or earlier jobs, made
 * @throws WardError `input-unsigned`
 */
export async function checkPrecompiled(entries: readonly TreeEntry[], toolchain: string, domain: string | undefined, results: ResultCache): Promise<void> {
  for (const entry of entries) {
    if (!isCompiledName(entry.path)) continue;
    const known = entry.kind === 'file' && domain !== undefined
      ? await results.find(domain, precompiledName(domain, toolchain, entry.digest.toString('hex')))
      : undefined;
    if (known === undefined) throw new WardError('input-unsigned', `The ${entry.path.endsWith('.gcm') ? 'compiled module' : 'precompiled header'} ${JSON.stringify(entry.path)} was not made by this farm with this compiler.`);
  }
}
