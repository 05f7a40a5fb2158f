import test from 'ava';
import { bwrapArguments, temporaryDirectory } from '../../../server/sandbox/bwrap.ts';

const spec = {
  stage: '/stage',
  stageTops: [
    { name: 'usr', target: undefined },
    { name: 'lib', target: 'usr/lib' },
  ],
  tree: '/slot/tree',
  treeTops: [
    { name: 'home', target: undefined },
    { name: 'src', target: 'home/a' },
  ],
  includes: ['/usr/include'],
  writable: ['/home/a/b c'],
  temporary: '/slot/tmp',
  env: { PATH: '/usr/bin', TMPDIR: '/home/a' },
  cwd: '/home/a',
  argv: ['/usr/bin/gcc', '-c', 'x.c'],
  descriptors: { status: 3, seccomp: 4, block: 5 },
};
const args = bwrapArguments(spec);
const at = (...words: string[]): number => args.findIndex((_, index) => words.every((word, offset) => args[index + offset] === word));

test('every namespace is named', (t) => {
  for (const name of ['user', 'ipc', 'pid', 'net', 'uts', 'cgroup']) t.true(args.includes(`--unshare-${name}`), name);
  t.false(args.some((word) => word.startsWith('--unshare-all') || word.endsWith('-try')));
});

test('later mounts cover earlier ones: toolchain, headers in it, the tree, outputs, temporary directory, then all is read-only', (t) => {
  const order = [
    at('--ro-bind', '/stage/usr', '/usr'),
    at('--ro-bind', '/slot/tree/usr/include', '/usr/include'),
    at('--ro-bind', '/slot/tree/home', '/home'),
    at('--bind', '/slot/tree/home/a/b c', '/home/a/b c'),
    at('--bind', '/slot/tmp', temporaryDirectory),
    at('--remount-ro', '/'),
  ];
  t.deepEqual(
    [...order].sort((a, b) => a - b),
    order,
  );
  t.true(order[0]! >= 0);
});

test('links at the top of stage and tree are made as links', (t) => {
  t.true(at('--symlink', 'usr/lib', '/lib') > 0);
  t.true(at('--symlink', 'home/a', '/src') > 0);
});

test("the environment is cleared, and TMPDIR is the sandbox's own whatever was sent", (t) => {
  t.true(at('--clearenv') < at('--setenv', 'PATH', '/usr/bin'));
  t.is(args[args.indexOf('TMPDIR') + 1], temporaryDirectory);
  t.is(args.lastIndexOf('TMPDIR'), args.indexOf('TMPDIR'));
});

test('the command comes after the end of options, as it is', (t) => {
  t.deepEqual(args.slice(args.lastIndexOf('--') + 1), spec.argv);
});

test('neither /proc nor /etc nor a device but /dev/null is shown', (t) => {
  const shown = args.filter((_, index) => ['--bind', '--ro-bind', '--dev-bind'].includes(args[index - 2]!));
  t.deepEqual(
    shown.filter((path) => /^\/(proc|etc|dev|sys)/.test(path)),
    ['/dev/null'],
  );
  for (const option of ['--proc', '--dev', '--share-net']) t.false(args.includes(option));
});
