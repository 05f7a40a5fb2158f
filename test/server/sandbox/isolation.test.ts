import test from 'ava';
import { WardError } from '../../../protocol/errors.ts';
import { chooseIsolation, probeNamespaces, probeSeccomp, probeSlot, type Facts } from '../../../server/sandbox/isolation.ts';
import { slotOwner } from '../../fixtures/executor.ts';

const hierarchy = { version: 2, root: '/sys/fs/cgroup/x' } as const;
const lack = (what: string) => ({ reason: `No ${what}.`, remedy: `Get ${what}.` });
const whole: Facts = { namespaces: undefined, seccomp: undefined, cgroups: { hierarchy } };

test('strict needs namespaces, seccomp and control groups', (t) => {
  t.deepEqual(chooseIsolation('strict', whole), { profile: 'strict', hierarchy });
});

for (const [name, facts] of Object.entries({
  namespaces: { ...whole, namespaces: lack('namespaces') },
  seccomp: { ...whole, seccomp: lack('seccomp') },
  cgroups: { ...whole, cgroups: lack('cgroups') },
})) {
  test(`without ${name} strict is refused with the reason and the remedy`, (t) => {
    const error = t.throws(() => chooseIsolation('strict', facts), { instanceOf: WardError });
    t.is(error.code, 'isolation-unavailable');
    t.is(error.message, `No ${name}. Get ${name}.`);
  });
}

test('strict-rlimit does without control groups, and only without them', (t) => {
  t.deepEqual(chooseIsolation('strict-rlimit', { ...whole, cgroups: lack('cgroups') }), {
    profile: 'strict-rlimit',
    missing: 'No cgroups.',
  });
  t.deepEqual(chooseIsolation('strict-rlimit', whole), { profile: 'strict', hierarchy });
  for (const facts of [
    { ...whole, namespaces: lack('namespaces') },
    { ...whole, seccomp: lack('seccomp') },
  ]) {
    t.is(t.throws(() => chooseIsolation('strict-rlimit', facts), { instanceOf: WardError }).code, 'isolation-unavailable');
  }
});

test('this machine has what the tests of the executor need', (t) => {
  t.is(probeNamespaces(slotOwner), undefined);
  t.is(probeSlot(slotOwner), undefined);
  t.is(probeSeccomp(), undefined);
});
