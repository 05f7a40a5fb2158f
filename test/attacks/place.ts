/**
 * Where attacks happen: the attacker's directory, and a part of the machine that must stay as it is. Nothing of it is protected by
 * its mode, so that what protects it is the product.
 *
 * @module
 */
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import {
  chmodSync, existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, realpathSync, rmSync, symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { readElf } from '../../toolchain/elf.ts';
import type { RawEntry } from './raw-tree.ts';
import type { Attack, File, Sign } from './types.ts';

/** What came back from a job, wherever it ran. */
export interface Returned {
  readonly stdout: Buffer;
  readonly stderr: Buffer;
  readonly outputs: readonly Buffer[];
}

/** A plug-in, preloaded library or converter: what it does, it does when it is loaded. */
const pluginSource = `
#include <fcntl.h>
#include <unistd.h>
int plugin_is_GPL_compatible = 1;
int plugin_init(void *a, void *b) { (void)a; (void)b; return 0; }
__attribute__((constructor)) static void loaded(void) {
  static const char said[] = RAN "\\n";
  if (write(2, said, sizeof said - 1) < 0) return;
  int fd = open(MARKER, O_CREAT | O_WRONLY, 0666);
  if (fd >= 0) close(fd);
}
`;

/** Where this machine's gcc has its parts. */
const toolchainNames = (): Record<string, string> => {
  const ask = (question: string): string => execFileSync('gcc', [question], { encoding: 'utf8' }).trim();
  return {
    TRIPLET: ask('-dumpmachine'),
    GCC: dirname(ask('-print-prog-name=cc1')),
    DRIVER: realpathSync('/usr/bin/gcc'),
    LIBM: realpathSync(ask('-print-file-name=libm.so.6')),
    LOADER: readElf(realpathSync('/usr/bin/gcc'))!.interpreter!,
  };
};

export class Place {
  readonly directory: string;
  readonly work: string;
  readonly host: string;
  /** For compilers that are killed before they have cleaned up. */
  readonly temporary: string;
  /** Is in the machine's secret files and nowhere else. */
  readonly canary = `ward_canary_${randomBytes(8).toString('hex')}`;
  /** What attackers' programs say when they run. */
  readonly ran = `ward_ran_${randomBytes(8).toString('hex')}`;
  /** Made in an object by a source that found what it should not see: sources hold it in two pieces. */
  readonly oracle = 'ward_oracle_yes';
  readonly plugin: Buffer;
  readonly script: string;
  readonly #names: Readonly<Record<string, string>>;

  constructor() {
    this.directory = realpathSync(mkdtempSync(join(tmpdir(), 'wardcc-attacks-')));
    chmodSync(this.directory, 0o755);
    this.work = join(this.directory, 'work');
    this.host = join(this.directory, 'host');
    this.temporary = join(this.directory, 'temporary');
    mkdirSync(this.temporary);
    this.script = `#!/bin/sh\necho ${this.ran} >&2\n: >${this.host}/out/ran\nexit 1\n`;
    this.#names = { WORK: this.work, HOST: this.host, RAN: this.ran, ...toolchainNames() };
    this.restore();
    this.plugin = this.#buildPlugin();
    this.restore();
  }

  #buildPlugin(): Buffer {
    const source = join(this.directory, 'plugin.c');
    const built = join(this.directory, 'plugin.so');
    writeFileSync(source, pluginSource);
    execFileSync('gcc', ['-shared', '-fPIC', '-O1', `-DRAN="${this.ran}"`, `-DMARKER="${this.host}/out/ran"`, '-o', built, source]);
    return readFileSync(built);
  }

  /** Puts the machine's part in the state that it must keep. */
  restore(): void {
    rmSync(this.host, { recursive: true, force: true });
    const put = (name: string, content: string | Buffer, mode = 0o666): void => {
      const path = join(this.host, name);
      mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
      writeFileSync(path, content);
      chmodSync(path, mode);
    };
    put('secret.txt', `${this.canary}\n`);
    put('inc/secret.h', `static const char stolen[] __attribute__((used)) = "${this.canary}";\n`);
    put('specs', `*cc1:\n+ -D${this.canary}\n`);
    put('precious.txt', 'precious\n');
    put('precious.o', 'precious\n');
    for (const name of ['as', 'cc1', 'cc1plus', 'gcc', 'tool', 'objcopy']) put(`bin/${name}`, this.script, 0o777);
    if (this.plugin !== undefined) put('plugin.so', this.plugin, 0o777);
    mkdirSync(join(this.host, 'out'));
    for (const name of ['', 'out']) chmodSync(join(this.host, name), 0o777);
  }

  /** The text of a row, with its places filled in. */
  fill(text: string): string {
    return text.includes('{') ? text.replaceAll(/\{([A-Z]+)\}/g, (whole, name: string) => this.#names[name] ?? whole) : text;
  }

  /** The files of an attack by absolute path. Relative names lie in the attacker's directory. */
  files({ files }: Attack): Map<string, File> {
    return new Map(Object.entries(files).map(([name, file]): [string, File] => {
      const filled = this.fill(name);
      const path = filled.startsWith('/') ? filled : `${this.work}/${filled}`;
      if (file === '{PLUGIN}') return [path, this.plugin];
      if (file === '{SCRIPT}') return [path, this.script];
      if (typeof file === 'object' && 'link' in file) return [path, { link: this.fill(file.link) }];
      return [path, typeof file === 'string' && file !== 'directory' ? this.fill(file) : file];
    }));
  }

  /** The raw tree of an attack, with its places filled in. */
  tree({ tree = [] }: Attack): RawEntry[] {
    const path = (text: string | Buffer): string | Buffer => (typeof text === 'string' ? this.fill(text) : text);
    return tree.map(
      (entry) => (
        entry.kind === 'link' ? { ...entry, path: path(entry.path), target: this.fill(entry.target) } : { ...entry, path: path(entry.path) }
      )
    );
  }

  /** Lays the attacker's own files out. */
  lay(files: ReadonlyMap<string, File>): void {
    rmSync(this.work, { recursive: true, force: true });
    mkdirSync(this.work, { recursive: true });
    for (const [path, file] of files) if (path.startsWith(`${this.work}/`)) layOne(path, file);
  }

  /** Takes the attacker's directory away: what a job writes there on the machine itself is then seen. */
  clear(): void {
    rmSync(this.work, { recursive: true, force: true });
  }

  /** Path and content of everything on the machine's side and, if it is there, in the attacker's directory. */
  snapshot(): Map<string, string> {
    const found = new Map<string, string>();
    for (const top of [this.work, this.host]) if (existsSync(top)) this.#walk(top, found);
    return found;
  }

  #walk(directory: string, found: Map<string, string>): void {
    for (const name of readdirSync(directory)) {
      const path = join(directory, name);
      const kind = lstatSync(path);
      if (kind.isDirectory()) this.#walk(path, found);
      else found.set(path, kind.isSymbolicLink() ? readlinkSync(path) : createHash('sha256').update(readFileSync(path)).digest('hex'));
    }
  }

  /** What an attack was seen to do. `asked`: files that it may make. */
  signs(attack: Attack, before: ReadonlyMap<string, string>, returned: Returned, asked: readonly string[] = []): Set<Sign> {
    const signs = new Set<Sign>();
    const texts = [returned.stdout, returned.stderr, ...returned.outputs];
    const has = (text: string | Buffer): boolean => texts.some((bytes) => bytes.includes(text));
    if ([this.canary, this.oracle, ...(attack.secrets ?? [])].some(has)) signs.add('read');
    const after = this.snapshot();
    if (has(this.ran) || after.has(join(this.host, 'out/ran'))) signs.add('ran');
    const changed = [...new Set([...before.keys(), ...after.keys()])].filter(
      (path) => before.get(path) !== after.get(path) && !asked.includes(path)
    );
    if (changed.some((path) => path !== join(this.host, 'out/ran'))) signs.add('wrote');
    return signs;
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}

export const layOne = (path: string, file: File): void => {
  mkdirSync(file === 'directory' ? path : dirname(path), { recursive: true });
  if (file === 'directory') return;
  if (typeof file === 'object' && 'link' in file) return symlinkSync(file.link, path);
  writeFileSync(path, file);
  chmodSync(path, 0o755);
};
