/**
 * How root starts a server as somebody else: the system user `wardcc-dev`. That user may not be able to reach the checkout or
 * the farm (under /root, say), so both are shown to it at a reachable place, in a mount namespace that ends with the server.
 *
 * @module
 */
import { chmod, mkdir, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from './command.ts';
import { installation, type FarmLayout } from './layout.ts';

const account = 'wardcc-dev';

export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** The account of the servers, made when it is missing: no password, no home. */
export const ensureAccount = async (): Promise<Account> => {
  const id = async (option: string): Promise<number> => Number(await run('id', [option, account]));
  try {
    await id('-u');
  } catch {
    await run('useradd', ['--system', '--user-group', '--no-create-home', '--home-dir', '/nonexistent', '--shell', '/bin/sh', account]);
  }
  return { name: account, uid: await id('-u'), gid: await id('-g') };
};

export const stageOf = (layout: FarmLayout): string => join('/run/wardcc-dev', layout.id);

const shown = ['installation', 'farm'] as const;

/** Makes the places where things are shown, and the farm's own directory passable for those who know what lies in it. */
export const makeStage = async (layout: FarmLayout): Promise<string> => {
  const stage = stageOf(layout);
  for (const name of shown) await mkdir(join(stage, name), { recursive: true, mode: 0o755 });
  await chmod(layout.directory, 0o711);
  return stage;
};

/** Best effort: what is mounted or not empty stays. */
export const removeStage = async (stage: string): Promise<void> => {
  for (const place of [...shown.map((name) => join(stage, name)), stage]) await rmdir(place).catch(() => undefined);
};

// $1 account, $2 installation, $3 farm, $4 stage, $5 files to write the process id to, one a line; then the command.
const script = `set -e
account=$1 installation=$2 farm=$3 stage=$4 joins=$5
shift 5
mount --bind -- "$installation" "$stage/installation"
mount -o remount,bind,ro -- "$stage/installation"
mount --rbind -- "$farm" "$stage/farm"
printf '%s' "$joins" | while IFS= read -r file; do echo $$ >"$file"; done
cd /
exec setpriv --reuid "$account" --regid "$account" --init-groups --inh-caps=-all -- "$@"`;

/** Where the account sees one of our programs. */
export const stagedProgram = (layout: FarmLayout, program: string): string => join(stageOf(layout), 'installation/dist/bin', program);

/** The command that runs another one as the account. It becomes that program: the process id stays the same. */
export const stagedCommand = (layout: FarmLayout, command: readonly string[], joins: readonly string[]): string[] => {
  const stage = stageOf(layout);
  const joinList = joins.map((file) => `${file}\n`).join('');
  return ['unshare', '--mount', '--propagation', 'private', '--', 'sh', '-c', script, 'sh', account, installation, layout.directory, stage, joinList, ...command];
};

/** Where the account sees a path of the farm. */
export const stagedPath = (layout: FarmLayout, path: string): string => join(stageOf(layout), 'farm', path.slice(layout.directory.length));
