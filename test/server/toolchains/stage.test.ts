import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, lstatSync, mkdirSync, readFileSync, readdirSync, readlinkSync, rmSync, statSync, symlinkSync,
  writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { stageCompilers } from '../../../server/toolchains/registry.ts';
import { stageToolchain, sweepStages } from '../../../server/toolchains/stage.ts';
import { canaryDigest, canaryJobs, localCanary } from '../../../toolchain/canary.ts';
import { describeToolchain } from '../../../toolchain/describe.ts';
import { temporaryDirectory } from '../../fixtures/temporary.ts';

/** A directory of stages that is swept before it is removed: stages are read-only. */
const stagesDirectory = async (t: ExecutionContext): Promise<string> => {
  const stages = join(await temporaryDirectory(t), 'stages');
  t.teardown(() => sweepStages(stages, new Set()));
  return stages;
};

const gcc = describeToolchain('/usr/bin/gcc');

test.serial('a stage holds exactly the toolchain, its include directories empty, readable by all and writable by nobody', async (t) => {
  const toolchain = await gcc;
  const root = await stageToolchain(toolchain, await stagesDirectory(t));
  t.true(root.endsWith(`/${toolchain.digest}`));
  const files = execFileSync('find', [root, '!', '-type', 'd', '-printf', '/%P\\n'], { encoding: 'utf8' }).trim().split('\n');
  t.deepEqual(files.sort(), [...toolchain.entries.map(({ path }) => path), '/bin', '/lib', '/lib64', '/sbin'].sort());
  for (const entry of toolchain.entries) {
    const at = join(root, entry.path);
    if (entry.kind === 'link') t.is(readlinkSync(at), entry.target);
    else t.is(lstatSync(at).mode & 0o777, entry.executable ? 0o555 : 0o444);
  }
  for (const folder of toolchain.includeDirs) {
    t.deepEqual(readdirSync(join(root, folder)), []);
    t.is(statSync(join(root, folder)).mode & 0o777, 0o555);
  }
});

test.serial('a stage is made the same under any umask', async (t) => {
  const stages = await stagesDirectory(t);
  const before = process.umask(0o077);
  try {
    t.is(statSync(join(await stageToolchain(await gcc, stages), 'usr/lib')).mode & 0o777, 0o555);
  } finally {
    process.umask(before);
  }
  t.is(statSync(stages).mode & 0o777, 0o755);
});

test.serial('toolchains share the files they have in common', async (t) => {
  const stages = await stagesDirectory(t);
  const roots = [await stageToolchain(await gcc, stages), await stageToolchain(await describeToolchain('/usr/bin/cc'), stages)];
  const inodes = roots.map((root) => statSync(join(root, 'usr/bin/as')).ino);
  t.is(inodes[0], inodes[1]);
});

test.serial('a stage in which something was changed, added or removed is made anew; an intact one is kept', async (t) => {
  const stages = await stagesDirectory(t);
  const toolchain = await gcc;
  const root = await stageToolchain(toolchain, stages);
  const inode = statSync(root).ino;
  t.is(statSync(await stageToolchain(toolchain, stages)).ino, inode);

  const driver = join(root, 'usr/bin/x86_64-linux-gnu-gcc-12');
  const program = existsSync(driver) ? driver : join(root, toolchain.entries.find((entry) => entry.kind === 'file' &&
    entry.executable)?.path as string);
  const bytes = readFileSync(program);
  chmodSync(program, 0o755);
  writeFileSync(program, Buffer.concat([bytes.subarray(0, -1), Buffer.from([(bytes.at(-1) as number) ^ 1])]));
  chmodSync(program, 0o555);
  await stageToolchain(toolchain, stages);
  t.deepEqual(readFileSync(program), bytes);

  chmodSync(join(root, 'usr/include'), 0o755);
  writeFileSync(join(root, 'usr/include/evil.h'), '');
  await stageToolchain(toolchain, stages);
  t.false(existsSync(join(root, 'usr/include/evil.h')));

  chmodSync(join(root, 'usr/bin'), 0o755);
  rmSync(join(root, 'usr/bin/gcc'));
  symlinkSync('/bin/sh', join(root, 'usr/bin/gcc'));
  await stageToolchain(toolchain, stages);
  t.not(readlinkSync(join(root, 'usr/bin/gcc')), '/bin/sh');
});

test.serial('what a crash left behind and what is no longer wanted is swept', async (t) => {
  const stages = await stagesDirectory(t);
  const toolchain = await gcc;
  const root = await stageToolchain(toolchain, stages);
  mkdirSync(join(stages, '.tmp-1-abc/usr/lib'), { recursive: true });
  chmodSync(join(stages, '.tmp-1-abc/usr/lib'), 0o555);
  writeFileSync(join(stages, 'pool', readdirSync(join(stages, 'pool'))[0] as string, '.tmp-1-def'), 'half');
  sweepStages(stages, new Set([toolchain.digest]));
  t.deepEqual(readdirSync(stages).sort(), [toolchain.digest, 'pool'].sort());
  t.true(existsSync(root));
  t.false(readdirSync(join(stages, 'pool'), { recursive: true }).some((name) => String(name).includes('.tmp-')));
  sweepStages(stages, new Set());
  t.deepEqual(readdirSync(stages), ['pool']);
  t.false(readdirSync(join(stages, 'pool'), { recursive: true, withFileTypes: true }).some((item) => item.isFile()));
});

test.serial('compilers that cannot be used are named with the reason, absent ones are passed over, the others are staged', async (t) => {
  const stages = await stagesDirectory(t);
  const { staged, excluded } = await stageCompilers(['/usr/bin/gcc', '/usr/bin/absent', '/usr/bin/env', '/usr/bin/gcc'], { stages });
  t.deepEqual(staged.map(({ name, family }) => [name, family]), [['/usr/bin/gcc', 'gcc']]);
  t.deepEqual(excluded.map(({ name }) => name), ['/usr/bin/env']);
  t.regex(excluded[0]?.reason ?? '', /script or a wrapper/);
});

test.serial('a compiler makes the same canary from its stage alone as from the whole system', async (t) => {
  const stages = await stagesDirectory(t);
  const place = await temporaryDirectory(t);
  for (const compiler of ['/usr/bin/gcc', '/usr/bin/c++', '/usr/bin/clang', '/usr/bin/clang++']) {
    const toolchain = await describeToolchain(compiler);
    const root = await stageToolchain(toolchain, stages);
    const objects = canaryJobs(toolchain, '/w').map((job) => {
      writeFileSync(join(place, job.source), job.content);
      execFileSync('bwrap', [
        '--unshare-user', '--unshare-pid', '--unshare-net', '--clearenv', ...Object.entries(job.env).flatMap(([name, value]) =>
          ['--setenv', name, value]),
        '--ro-bind', join(root, 'usr'), '/usr', '--symlink', 'usr/lib', '/lib', '--symlink', 'usr/lib64', '/lib64', '--tmpfs', '/tmp',
        '--bind', place, '/w', '--chdir', '/w', ...job.argv,
      ], { stdio: ['ignore', 'ignore', 'pipe'] });
      return readFileSync(join(place, job.object));
    });
    t.is(canaryDigest(objects), await localCanary(toolchain), compiler);
  }
});

test.serial('a disk without space keeps no compiler from being offered later: nothing is staged, and disk-full says why', async (t) => {
  const place = await temporaryDirectory(t);
  const registry = join(import.meta.dirname, '../../../server/toolchains/registry.ts');
  const script = `const { stageCompilers } = await import(${JSON.stringify(registry)});
await stageCompilers(['/usr/bin/gcc'], { stages: ${JSON.stringify(join(place, 'stages'))} }).catch(({ code, message }) => console.log(code + ' ' + message));`;
  const inner = 'mount -t tmpfs -o size=1m none "$1" && exec "$2" --input-type=module --eval "$3"';
  const words = ['--user', '--map-root-user', '--mount', 'sh', '-c', inner, 'sh', place, process.execPath, script];
  t.is(execFileSync('unshare', words, { encoding: 'utf8' }), `disk-full There is no space left to stage /usr/bin/gcc in ${join(place, 'stages')}.\n`);
});
