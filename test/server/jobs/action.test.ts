import fc from 'fast-check';
import test from 'ava';
import type { Probe } from '../../../protocol/messages.ts';
import { actionDigest, cacheDomain } from '../../../server/jobs/action.ts';

const probe: Probe = {
  type: 'probe', id: 'a', project: 'lua', toolchain: 'a'.repeat(64), compiler: '/usr/bin/gcc', language: 'c', argv: ['/usr/bin/gcc', '-c', 'a.c'], env: { LC_ALL: 'C' },
  cwd: '/home/alice/lua', umask: 0o022, outputs: ['/home/alice/lua/a.o'], tree: 'b'.repeat(64), treeBytes: 10, inputBytes: 10,
};

test('the name of the job, and how its inputs travel, do not change the action', (t) => {
  t.is(actionDigest({ ...probe, id: 'b', treeBytes: 11, inputBytes: 12 }, 'lua'), actionDigest(probe, 'lua'));
});

test('the order in which variables are named does not change the action', (t) => {
  t.is(actionDigest({ ...probe, env: { A: '1', B: '2' } }, 'lua'), actionDigest({ ...probe, env: { B: '2', A: '1' } }, 'lua'));
});

const changes: Record<string, Partial<Probe>> = {
  'the toolchain': { toolchain: 'c'.repeat(64) },
  'the language': { language: 'c++' },
  'an argument': { argv: ['/usr/bin/gcc', '-c', '-O2', 'a.c'] },
  'a variable': { env: { LC_ALL: 'C.UTF-8' } },
  'the working directory': { cwd: '/home/bob/lua' },
  'how the working directory is spelled': { pwd: '/home/link/lua' },
  'the mode mask': { umask: 0o077 },
  'an output': { outputs: ['/home/alice/lua/b.o'] },
  'the tree': { tree: 'c'.repeat(64) },
};

for (const [what, change] of Object.entries(changes)) {
  test(`${what} changes the action`, (t) => t.not(actionDigest({ ...probe, ...change }, 'lua'), actionDigest(probe, 'lua')));
}

test('another domain is another action', (t) => t.not(actionDigest(probe, 'lua'), actionDigest(probe, 'redis')));

test('arguments cannot be shifted into each other', (t) => {
  fc.assert(fc.property(fc.array(fc.string()), fc.array(fc.string()), (one, other) => {
    const same = JSON.stringify(one) === JSON.stringify(other);
    return (actionDigest({ ...probe, argv: one }, 'd') === actionDigest({ ...probe, argv: other }, 'd')) === same;
  }));
  t.pass();
});

test('a rule can keep results apart by person, or not keep them at all', (t) => {
  t.is(cacheDomain({ cache: 'domain', domain: 'lua' }, 'alice'), 'lua');
  t.not(cacheDomain({ cache: 'own', domain: 'lua' }, 'alice'), cacheDomain({ cache: 'own', domain: 'lua' }, 'bob'));
  t.is(cacheDomain({ cache: 'none', domain: 'lua' }, 'alice'), undefined);
});
