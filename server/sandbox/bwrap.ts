/**
 * The room of one job, as the argument list of bubblewrap.
 *
 * What a job sees, from the bottom up: an empty root; the staged toolchain, read-only, the only place it may execute from; the client's
 * headers inside the toolchain's include directories; the rest of the client's tree, read-only; over it, writable, the directories of the
 * outputs; a temporary directory under a name that no client path can have; /dev/null. No /proc, no /etc, no other device, no network, no
 * capabilities, no further user namespaces, no descriptors but 0, 1, 2. What comes from the client keeps the slot's noexec, nosuid,
 * nodev.
 *
 * What always holds: every namespace is named, since `--unshare-all` tolerates failures; a later mount may cover an earlier one but
 * client paths that would cover the toolchain were refused before (`policy/paths.ts`). Never started by root: uid 65534 inside would be
 * root outside.
 *
 * @module
 */
import { ownPrefix } from '../../policy/paths.ts';
import type { StageTop } from './stage.ts';

export const temporaryDirectory = `/${ownPrefix}-tmp`;

export interface SandboxSpec {
  /** Root of the staged toolchain on the host, and what is at its top. */
  readonly stage: string;
  readonly stageTops: readonly StageTop[];
  /** Root of the job's input tree on the host. */
  readonly tree: string;
  /** Top-level names of the tree that are shown read-only, with the targets of those that are links. */
  readonly treeTops: readonly StageTop[];
  /** Include directories of the toolchain that the tree fills; outermost only. */
  readonly includes: readonly string[];
  /** Directories of the tree that the job may write in. */
  readonly writable: readonly string[];
  /** Host directory that becomes the temporary directory. */
  readonly temporary: string;
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly argv: readonly string[];
  readonly descriptors: { readonly status: number; readonly seccomp: number; readonly block: number };
}

const namespaces = ['user', 'ipc', 'pid', 'net', 'uts', 'cgroup'].map((name) => `--unshare-${name}`);

/** The arguments after `bwrap`. */
export const bwrapArguments = (spec: SandboxSpec): string[] => [
  ...namespaces,
  '--disable-userns',
  '--die-with-parent',
  '--new-session',
  ...['--cap-drop', 'ALL'],
  ...['--uid', '65534', '--gid', '65534'],
  ...['--hostname', 'wardcc'],
  ...spec.stageTops.flatMap(({ name, target }) =>
    target === undefined ? ['--ro-bind', `${spec.stage}/${name}`, `/${name}`] : ['--symlink', target, `/${name}`],
  ),
  ...spec.includes.flatMap((path) => ['--ro-bind', spec.tree + path, path]),
  ...spec.treeTops.flatMap(({ name, target }) =>
    target === undefined ? ['--ro-bind', `${spec.tree}/${name}`, `/${name}`] : ['--symlink', target, `/${name}`],
  ),
  ...spec.writable.flatMap((path) => ['--bind', spec.tree + path, path]),
  ...['--bind', spec.temporary, temporaryDirectory],
  ...['--dev-bind', '/dev/null', '/dev/null'],
  ...['--remount-ro', '/'],
  ...['--chdir', spec.cwd],
  '--clearenv',
  ...Object.entries({ ...spec.env, TMPDIR: temporaryDirectory }).flatMap(([name, value]) => ['--setenv', name, value]),
  ...['--json-status-fd', String(spec.descriptors.status)],
  ...['--seccomp', String(spec.descriptors.seccomp)],
  ...['--block-fd', String(spec.descriptors.block)],
  '--',
  ...spec.argv,
];
