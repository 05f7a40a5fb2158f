import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { createSlotGroup, detectCgroups, prepareHierarchy, procsFiles, removeGroup, sweepGroups, type Hierarchy } from '../../../server/sandbox/cgroup.ts';
import { Meter } from '../../../server/sandbox/meter.ts';
import { isRoot } from '../../fixtures/executor.ts';

/** A directory that looks like a version 2 hierarchy: files do not act, but their places, contents and rights are the real ones. */
const fakeUnified = (
  t: ExecutionContext,
  controllers = 'cpu memory pids',
): { point: string; group: string; mountinfo: string; selfCgroup: string } => {
  const point = mkdtempSync(join(tmpdir(), 'wardcc cgroup '));
  t.teardown(() => rmSync(point, { recursive: true, force: true }));
  const group = join(point, 'system.slice/wardccd.service');
  mkdirSync(group, { recursive: true });
  writeFileSync(join(group, 'cgroup.controllers'), `${controllers}\n`);
  writeFileSync(join(group, 'cgroup.procs'), '100\n101\n');
  writeFileSync(join(group, 'cgroup.subtree_control'), '');
  return {
    point,
    group,
    mountinfo: `30 20 0:26 / ${point.replaceAll(' ', '\\040')} rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n`,
    selfCgroup: '0::/system.slice/wardccd.service\n',
  };
};

test('a delegated version 2 group is found by itself', (t) => {
  const { group, mountinfo, selfCgroup } = fakeUnified(t);
  t.deepEqual(detectCgroups({ mountinfo, selfCgroup }), { hierarchy: { version: 2, root: group } });
});

test('a version 2 group that the configuration names is taken', (t) => {
  const { group } = fakeUnified(t);
  t.deepEqual(detectCgroups({ configured: { unified: group } }), { hierarchy: { version: 2, root: group } });
});

test('a version 2 group without the memory controller is refused with reason and remedy', (t) => {
  const { group, mountinfo, selfCgroup } = fakeUnified(t, 'cpu pids');
  const found = detectCgroups({ mountinfo, selfCgroup });
  t.false('hierarchy' in found);
  if ('hierarchy' in found) return;
  t.is(found.reason, `The cgroup ${group} does not have the controllers memory.`);
  t.regex(found.remedy, /Delegate=yes/);
});

test('a version 2 group that belongs to somebody else is refused', (t) => {
  const { group, mountinfo, selfCgroup } = fakeUnified(t);
  if (isRoot) rmSync(join(group, 'cgroup.subtree_control'));
  else chmodSync(join(group, 'cgroup.subtree_control'), 0o444);
  const found = detectCgroups({ mountinfo, selfCgroup });
  t.is('reason' in found && found.reason, `The cgroup ${group} is not delegated to this user.`);
});

test('a mount of a part of the hierarchy shows the own group below it', (t) => {
  const { group, selfCgroup, mountinfo } = fakeUnified(t);
  const part = mountinfo.replace(' / ', ' /system.slice ').replace(/(cgroup\\040\S+)/, '$1/system.slice');
  t.deepEqual(detectCgroups({ mountinfo: part, selfCgroup }), { hierarchy: { version: 2, root: group } });
});

test('version 1 groups are found by their controllers', (t) => {
  const point = mkdtempSync(join(tmpdir(), 'wardcc-cgroup-'));
  t.teardown(() => rmSync(point, { recursive: true }));
  for (const name of ['memory/a', 'pids', 'cpu,cpuacct/a']) mkdirSync(join(point, name), { recursive: true });
  const mountinfo = ['memory', 'pids', 'cpu,cpuacct']
    .map((name, index) => `${index} 1 0:3${index} / ${point}/${name} rw - cgroup cgroup rw,${name}\n`)
    .join('');
  const selfCgroup = '4:memory:/a\n3:pids:/\n2:cpu,cpuacct:/a\n';
  const found = detectCgroups({ mountinfo, selfCgroup });
  t.deepEqual(found, {
    hierarchy: { version: 1, memory: join(point, 'memory/a'), pids: join(point, 'pids/'), cpuacct: join(point, 'cpu,cpuacct/a') },
  });
});

test('no hierarchy at all is a reason', (t) => {
  const found = detectCgroups({ mountinfo: '', selfCgroup: '' });
  t.is('reason' in found && found.reason, 'No cgroup hierarchy has the controller memory.');
});

test('version 2: the server moves to a leaf and hands the controllers down before the first slot', (t) => {
  const { group } = fakeUnified(t);
  mkdirSync(join(group, 'server'));
  writeFileSync(join(group, 'server/cgroup.procs'), '');
  prepareHierarchy({ version: 2, root: group });
  // Each write is one process; the file of the fake keeps the beginning of what was written last.
  t.is(readFileSync(join(group, 'server/cgroup.procs'), 'utf8'), '101');
  t.is(readFileSync(join(group, 'cgroup.subtree_control'), 'utf8'), '+memory +pids');
});

test('version 2: a slot has one directory, and its limits and counters are read and written there', async (t) => {
  const { group } = fakeUnified(t);
  const slot = await createSlotGroup({ version: 2, root: group }, 'slot-0');
  t.deepEqual(procsFiles(slot), [join(group, 'slot-0/cgroup.procs')]);
  const file = (name: string) => join(group, 'slot-0', name);
  for (const name of ['memory.max', 'memory.swap.max', 'pids.max']) writeFileSync(file(name), '');
  writeFileSync(file('memory.events'), 'low 0\nhigh 0\nmax 3\noom 1\noom_kill 2\n');
  writeFileSync(file('pids.events'), 'max 7\n');
  writeFileSync(file('cpu.stat'), 'usage_usec 1234567\nuser_usec 1000000\nsystem_usec 234567\n');
  const meter = new Meter(slot);
  t.teardown(() => meter.close());
  meter.limit({ memoryBytes: 100 * 2 ** 20, processes: 40 });
  t.is(readFileSync(file('memory.max'), 'utf8'), String(128 * 2 ** 20));
  t.is(readFileSync(file('memory.swap.max'), 'utf8'), '0');
  t.is(readFileSync(file('pids.max'), 'utf8'), '40');
  t.deepEqual(meter.read(), { oomKills: 2, forksRefused: 7, cpuMs: 1234.567 });
});

test('version 1: CPU time is counted in a hierarchy of its own, and without one a slot is not strict', async (t) => {
  const point = mkdtempSync(join(tmpdir(), 'wardcc-cgroup-'));
  t.teardown(() => rmSync(point, { recursive: true }));
  const [memory, pids, cpuacct] = ['memory', 'pids', 'cpuacct'].map((name) => join(point, name)) as [string, string, string];
  for (const directory of [memory, pids, cpuacct]) mkdirSync(directory);
  const lacking = detectCgroups({ configured: { memory, pids } });
  t.is('reason' in lacking && lacking.reason, 'No cgroup hierarchy has the controller cpuacct.');
  const found = detectCgroups({ configured: { memory, pids, cpuacct } });
  t.true('hierarchy' in found);
  const slot = await createSlotGroup((found as { hierarchy: Hierarchy }).hierarchy, 'slot-0');
  const files = { 'memory/slot-0/memory.limit_in_bytes': '', 'memory/slot-0/memory.oom_control': 'oom_kill 3\n', 'pids/slot-0/pids.max': '', 'cpuacct/slot-0/cpuacct.usage': '2500000000\n' };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(point, name), text);
  const meter = new Meter(slot);
  t.teardown(() => meter.close());
  t.deepEqual(meter.read(), { oomKills: 3, forksRefused: 0, cpuMs: 2500 });
});

test('a limit that did not change is not written again', async (t) => {
  const { group } = fakeUnified(t);
  const slot = await createSlotGroup({ version: 2, root: group }, 'slot-0');
  for (const name of ['memory.max', 'pids.max', 'memory.events', 'cpu.stat']) writeFileSync(join(group, 'slot-0', name), '');
  const meter = new Meter(slot);
  t.teardown(() => meter.close());
  meter.limit({ memoryBytes: 2 ** 30, processes: 40 });
  writeFileSync(join(group, 'slot-0/memory.max'), '');
  meter.limit({ memoryBytes: 2 ** 30 - 5, processes: 40 });
  t.is(readFileSync(join(group, 'slot-0/memory.max'), 'utf8'), '');
  meter.limit({ memoryBytes: 2 ** 31, processes: 40 });
  t.is(readFileSync(join(group, 'slot-0/memory.max'), 'utf8'), String(2 ** 31));
});

test('a real group: its processes are killed when it is made anew, swept, or removed', async (t) => {
  const detected = detectCgroups();
  if (!('hierarchy' in detected)) {
    // Nothing can be made here: then the reason has to say so.
    t.truthy(detected.reason && detected.remedy);
    return;
  }
  const prefix = `wardcc-test-${process.pid}-`;
  const inside = async () => {
    const group = await createSlotGroup(detected.hierarchy, `${prefix}x`);
    const child = spawn(
      '/bin/sh',
      ['-c', 'for f; do echo 0 > "$f"; done; trap "" TERM; echo in; while :; do sleep 100; done', 'sh', ...procsFiles(group)],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    await once(child.stdout!, 'data');
    return { group, ended: once(child, 'exit') };
  };
  const first = await inside();
  await createSlotGroup(detected.hierarchy, `${prefix}x`);
  t.deepEqual(await first.ended, [null, 'SIGKILL']);
  const second = await inside();
  await sweepGroups(detected.hierarchy, prefix);
  t.deepEqual(await second.ended, [null, 'SIGKILL']);
  t.false(second.group.directories.some(existsSync));
  const third = await inside();
  for (const directory of third.group.directories) await removeGroup(directory);
  t.deepEqual(await third.ended, [null, 'SIGKILL']);
});
