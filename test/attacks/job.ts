/**
 * A case as the job that goes over the wire: its tree, the contents of its files, its probe.
 *
 * @module
 */
import { createHash } from 'node:crypto';
import { dirname } from 'node:path';
import type { Language, Probe } from '../../protocol/messages.ts';
import { encodeTree, type TreeEntry } from '../../protocol/tree.ts';
import { argumentsOf, environmentOf, outputsOf, programOf, pwdOf } from './plain.ts';
import type { Place } from './place.ts';
import { encodeRaw } from './raw-tree.ts';
import type { Case } from './types.ts';

export interface WireJob {
  readonly probe: Probe;
  readonly tree: Buffer;
  readonly blobs: ReadonlyMap<string, Buffer>;
}

let jobs = 0;

/** `toolchain`: digest of the compiler that runs it. */
export const wireJob = (one: Case, place: Place, toolchain: string): WireJob => {
  const blobs = new Map<string, Buffer>();
  const outputs = outputsOf(one, place);
  const cwd = one.attack.cwd === undefined ? place.work : place.fill(one.attack.cwd);
  const entries = new Map<string, TreeEntry>();
  for (const path of [place.work, cwd, ...outputs.map((output) => dirname(output))]) {
    if (isPlain(path)) entries.set(path, { path, kind: 'directory' });
  }
  for (const [path, file] of place.files(one.attack)) entries.set(path, entryOf(path, file, blobs));
  const raw = one.attack.tree === undefined ? undefined : place.tree(one.attack);
  for (const entry of raw ?? []) if (entry.kind === 'file') entryOf('', entry.content, blobs);
  const tree = raw === undefined ? encodeTree([...entries.values()]) : encodeRaw(raw);
  const probe: Probe = {
    type: 'probe', id: `attack-${jobs++}`, project: 'default', toolchain, compiler: `/usr/bin/${one.compiler}`, language: languageOf(one),
    argv: [programOf(one, place), ...argumentsOf(one, place)], env: environmentOf(one, place), cwd, ...pwdOf(one, place),
    umask: 0o022, outputs, tree: createHash('sha256').update(tree).digest('hex'), treeBytes: tree.length,
    inputBytes: [...blobs.values()].reduce((sum, { length }) => sum + length, 0),
  };
  return { probe, tree, blobs };
};

const isPlain = (path: string): boolean => path.startsWith('/') && path !== '/' && !/(^|\/)(\.{1,2})?(\/|$)/.test(path.slice(1));

const languageOf = ({ compiler }: Case): Language => (compiler.endsWith('++') ? 'c++' : 'c');

const entryOf = (path: string, file: string | Buffer | { readonly link: string } | 'directory', blobs: Map<string, Buffer>): TreeEntry => {
  if (file === 'directory') return { path, kind: 'directory' };
  if (typeof file === 'object' && 'link' in file) return { path, kind: 'link', target: file.link };
  const content = Buffer.from(file);
  const digest = createHash('sha256').update(content).digest();
  blobs.set(digest.toString('hex'), content);
  return { path, kind: 'file', digest, size: content.length, group: 0 };
};
