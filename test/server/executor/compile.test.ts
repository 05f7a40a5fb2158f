/** Real compilers in real slots: what they make here is what they make at home. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { WardError } from '../../../protocol/errors.ts';
import { inputsOf, isRoot, Lab, type Answer, type CompileRequest, type Input } from '../../fixtures/executor.ts';

const compilers = ['/usr/bin/gcc', '/usr/bin/g++', '/usr/bin/clang', '/usr/bin/clang++'];
const env = { PATH: '/usr/bin', LC_ALL: 'C' };
let lab: Lab;
test.before(async () => {
  lab = await Lab.open({ compilers });
});
test.after.always(async () => {
  await lab?.close();
});

const project = (t: ExecutionContext, files: Record<string, string>): string => {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'wardcc src ')));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), content);
  }
  return directory;
};

interface Comparison {
  readonly local: {
    readonly status: number | null;
    readonly stderr: string;
    readonly stdout: string;
    readonly files: readonly (Buffer | undefined)[];
  };
  readonly there: Answer;
}

/** Compiles here and there. `outputs` are relative to the directory. */
const both = async (
  argv: readonly string[],
  cwd: string,
  outputs: readonly string[],
  request: Partial<CompileRequest> & { inputs: Record<string, Input> },
): Promise<Comparison> => {
  const local = spawnSync(argv[0]!, argv.slice(1), { cwd, env: { ...env, PWD: cwd }, encoding: 'utf8' });
  const read = (name: string): Buffer | undefined => {
    try {
      return readFileSync(join(cwd, name));
    } catch {
      return undefined;
    }
  };
  const files = outputs.map(read);
  const there = await lab.run({ argv, cwd, env, outputs: outputs.map((name) => join(cwd, name)), ...request });
  return { local: { status: local.status, stderr: local.stderr, stdout: local.stdout, files }, there };
};

const assertSame = (t: ExecutionContext, { local, there }: Comparison): void => {
  t.is(there.verdict, undefined, there.sentence);
  t.is(there.status.code, local.status!);
  t.is(there.stderrText, local.stderr);
  t.is(there.stdoutText, local.stdout);
  t.is(there.contents.length, local.files.length);
  for (const [index, file] of local.files.entries()) {
    if (file === undefined) t.is(there.contents[index], undefined);
    else t.true(there.contents[index]?.equals(file), `output ${index}`);
  }
};

const cSource =
  '#include <stdio.h>\n#include <string.h>\n#include "inc/x.h"\n'
  + 'int f(const char *s) { printf("%s %d\\n", s, X); return (int)strlen(s); }\n';
const ccSource =
  '#include <vector>\n#include <string>\n#include "inc/x.h"\n'
  + 'int f(std::string s) { std::vector<int> v(X); return int(v.size() + s.size()); }\n';

for (const compiler of compilers) {
  const [name, source] = compiler.includes('+') ? ['a.cc', ccSource] : ['a.c', cSource];
  for (const options of [['-O2'], ['-g', '-O1', '-MMD'], ['-g3', '-S'], ['-O2', '-Wall', '-fdiagnostics-color=always']]) {
    test.serial(`${compiler} ${options.join(' ')}: status, object, dependency file and text are the local ones`, async (t) => {
      const cwd = project(t, { [name]: source, 'inc/x.h': '#define X 3\n' });
      const outputs = options.includes('-S') ? ['a.s'] : options.includes('-MMD') ? ['a.o', 'a.d'] : ['a.o'];
      const mode = options.includes('-S') ? [] : ['-c'];
      const inputs = inputsOf([compiler, ...options.filter((option) => !['-MMD', '-S'].includes(option)), name], cwd);
      assertSame(t, await both([compiler, ...options, ...mode, name, '-o', outputs[0]!], cwd, outputs, { inputs }));
    });
  }

  test.serial(`${compiler}: errors and warnings are the local ones, and no object is left`, async (t) => {
    const cwd = project(t, {
      [name]: 'int unused(void) { int x; return 0; }\nint f( { return y; }\n#error "bwrap: LLVM ERROR: out of memory"\n',
    });
    const inputs = { [join(cwd, name)]: { content: readFileSync(join(cwd, name)) } };
    const comparison = await both([compiler, '-Wall', '-c', name, '-o', 'a.o'], cwd, ['a.o'], { inputs });
    t.is(comparison.local.status, 1);
    assertSame(t, comparison);
  });

  test.serial(`${compiler}: a header that was not sent does not exist, even if the last job had it`, async (t) => {
    const cwd = project(t, { [name]: '#if __has_include("extra.h")\nint extra;\n#endif\nint f(void);\n', 'extra.h': '' });
    const source = { [join(cwd, name)]: { content: readFileSync(join(cwd, name)) } };
    const withHeader = await lab.run({
      argv: [compiler, '-c', name],
      cwd,
      env,
      inputs: { ...source, [join(cwd, 'extra.h')]: { content: '' } },
      outputs: [join(cwd, 'a.o')],
    });
    const without = await lab.run({ argv: [compiler, '-c', name], cwd, env, inputs: source, outputs: [join(cwd, 'a.o')] });
    t.true(withHeader.contents[0]!.includes('extra'));
    t.false(without.contents[0]!.includes('extra'));
  });

  test.serial(`${compiler}: two headers of equal content under #pragma once are both read, as at home`, async (t) => {
    const cwd = project(t, {
      [name]: '#include "p/x.h"\n#include "q/x.h"\nint n = N;\n',
      'p/x.h': '#pragma once\n#ifdef N\n#undef N\n#define N 2\n#else\n#define N 1\n#endif\n',
    });
    const content = readFileSync(join(cwd, 'p/x.h'));
    const inputs = {
      [join(cwd, name)]: { content: readFileSync(join(cwd, name)) },
      [join(cwd, 'p/x.h')]: { content, group: 0 },
      [join(cwd, 'q/x.h')]: { content, group: 1 },
    };
    const answer = await lab.run({ argv: [compiler, '-S', '-O0', name, '-o', 'a.s'], cwd, env, inputs, outputs: [join(cwd, 'a.s')] });
    t.regex(answer.contents[0]!.toString(), /\.long\s+2\b/);
  });
}

test.serial('clang: a crash is no answer', async (t) => {
  const cwd = project(t, { 'a.c': '#pragma clang __debug crash\n' });
  const answer = await lab.run({
    argv: ['/usr/bin/clang', '-c', 'a.c'],
    cwd,
    env,
    inputs: { [join(cwd, 'a.c')]: { content: readFileSync(join(cwd, 'a.c')) } },
    outputs: [join(cwd, 'a.o')],
  });
  t.is(answer.verdict, 'compiler-crashed');
  t.deepEqual(answer.outputs, []);
});

const bombs: [string, string, CompileRequest['limits'], string][] = [
  [
    'infinite constexpr',
    'constexpr int f(int n) { int s = 0; for (long i = 0; i < 1000000000000; i++) s += n; return s; }\nstatic_assert(f(1) != 0);\n',
    { cpuSeconds: 1 },
    'cpu-limit',
  ],
  ['a huge array', 'char a[1ull << 33] = {1};\n', { fileBytes: 1 << 20, cpuSeconds: 20 }, 'output-limit'],
  ['a huge repetition', 'asm(".rept 100000000\\n.quad 1\\n.endr\\n");\n', { memoryBytes: 128 << 20, cpuSeconds: 20 }, 'memory-limit'],
];
for (const compiler of ['/usr/bin/g++', '/usr/bin/clang++']) {
  for (const [name, source, limits, code] of bombs) {
    test.serial(`${compiler}: ${name} ends as an infrastructure error`, async (t) => {
      const cwd = project(t, {});
      const options = ['-std=c++17', '-fconstexpr-ops-limit=9000000000000', '-fconstexpr-loop-limit=2147483647'].filter(
        (option) => (compiler.includes('g++') && !compiler.includes('clang')) || !option.startsWith('-fconstexpr'),
      );
      const steps = compiler.includes('clang') ? ['-fconstexpr-steps=4294967295'] : [];
      const answer = await lab.run({
        argv: [compiler, ...options, ...steps, '-c', 'a.cc'],
        cwd,
        env,
        inputs: { [join(cwd, 'a.cc')]: { content: source } },
        outputs: [join(cwd, 'a.o')],
        limits: limits!,
      });
      // clang overflows its stack on the array before it writes anything.
      t.is(answer.verdict, (compiler.includes('clang') && code === 'output-limit' ? 'compiler-crashed' : code) as never, answer.sentence);
      t.deepEqual(answer.outputs, []);
    });
  }
}

test.serial('under a linked working directory the debug information names the link, as at home', async (t) => {
  const real = project(t, { 'real/a.c': 'int f(void) { return 1; }\n' });
  symlinkSync('real', join(real, 'link'));
  const [cwd, pwd] = [join(real, 'real'), join(real, 'link')];
  const inputs = { [join(cwd, 'a.c')]: { content: readFileSync(join(cwd, 'a.c')) }, [pwd]: { link: 'real' } };
  for (const compiler of ['/usr/bin/gcc', '/usr/bin/clang']) {
    spawnSync(compiler, ['-g', '-c', 'a.c'], { cwd: pwd, env: { ...env, PWD: pwd } });
    const local = readFileSync(join(cwd, 'a.o'));
    t.true(local.includes(pwd));
    const there = await lab.run({ argv: [compiler, '-g', '-c', 'a.c'], cwd, pwd, env, inputs, outputs: [join(cwd, 'a.o')] });
    t.true(there.contents[0]?.equals(local), compiler);
  }
});

test.serial('an output through a linked directory lands where the link leads', async (t) => {
  const cwd = project(t, { 'a.c': 'int x;\n' });
  const inputs = {
    [join(cwd, 'a.c')]: { content: 'int x;\n' },
    [join(cwd, 'out')]: { link: 'build/deep' },
    [join(cwd, 'build/deep')]: 'directory' as const,
  };
  const answer = await lab.run({ argv: ['/usr/bin/gcc', '-c', 'a.c', '-o', 'out/a.o'], cwd, env, inputs, outputs: [join(cwd, 'out/a.o')] });
  t.is(answer.status.code, 0, answer.stderrText);
  t.is(answer.outputs.length, 1);
});

test.serial('the umask of the client decides the mode of the outputs', async (t) => {
  const cwd = project(t, {});
  for (const [umask, mode] of [
    [0o022, 0o644],
    [0o077, 0o600],
    [0o002, 0o664],
  ] as const) {
    const answer = await lab.run({
      argv: ['/usr/bin/gcc', '-c', 'a.c'],
      cwd,
      env,
      umask,
      inputs: { [join(cwd, 'a.c')]: { content: 'int x;\n' } },
      outputs: [join(cwd, 'a.o')],
    });
    t.is(answer.outputs[0]?.mode, mode);
  }
});

test.serial('gcc cannot be made to run another program or load a plug-in that was sent', async (t) => {
  const cwd = project(t, {});
  const plugin = join(cwd, 'p.so');
  const built = spawnSync('gcc', ['-shared', '-fPIC', '-x', 'c', '-', '-o', plugin], {
    input:
      '#include <unistd.h>\nint plugin_is_GPL_compatible;\n__attribute__((constructor)) void f(void) { write(2, "PWNED", 5); }\n'
      + 'int plugin_init(void *a, void *b) { return 0; }\n',
  });
  t.is(built.status, 0, String(built.stderr));
  const inputs: Record<string, Input> = {
    [join(cwd, 'a.c')]: { content: 'int x;\n' },
    [plugin]: { content: readFileSync(plugin) },
    [join(cwd, 'cc1')]: { content: readFileSync('/bin/true') },
  };
  const compile = (options: readonly string[]) =>
    lab.run({ argv: ['/usr/bin/gcc', ...options, '-c', 'a.c'], cwd, env, inputs, outputs: [join(cwd, 'a.o')] });
  for (const attack of [['-wrapper', 'sh,-c,echo PWNED >&2'], [`-fplugin=${plugin}`], ['-wrapper', join(cwd, 'cc1')], ['-specs=x']]) {
    const answer = await compile(attack);
    t.false(answer.stderrText.includes('PWNED'), attack.join(' '));
    t.not(answer.status.code, 0, attack.join(' '));
  }
  // A cc1 that cannot be executed is passed over: the toolchain's own made the object.
  const [plain, redirected] = [await compile([]), await compile(['-B', `${cwd}/`])];
  t.true(redirected.contents[0]!.equals(plain.contents[0]!));
});

test.serial('variables that steer a loader or a driver lead to nothing that can be executed', async (t) => {
  const cwd = project(t, {});
  const library = join(cwd, 'evil.so');
  const built = spawnSync('gcc', ['-shared', '-fPIC', '-x', 'c', '-', '-o', library], {
    input: '#include <unistd.h>\n__attribute__((constructor)) void f(void) { write(2, "PWNED", 5); }\n',
  });
  t.is(built.status, 0, String(built.stderr));
  const script = { content: '#!/bin/sh\necho PWNED >&2\n' };
  const evil = { content: readFileSync(library) };
  const inputs: Record<string, Input> = {
    [join(cwd, 'a.c')]: { content: 'int x;\n' },
    [library]: evil,
    [join(cwd, 'libc.so.6')]: evil,
    [join(cwd, 'cc1')]: script,
    [join(cwd, 'as')]: script,
    [join(cwd, 'specs')]: { content: '*cc1:\n%(x)\n' },
  };
  const settings: Record<string, string>[] = [
    { LD_PRELOAD: library },
    { LD_LIBRARY_PATH: cwd },
    { LD_AUDIT: library },
    { GCC_EXEC_PREFIX: `${cwd}/` },
    { COMPILER_PATH: cwd },
    { PATH: cwd },
  ];
  for (const setting of settings) {
    const answer = await lab.run({
      argv: ['/usr/bin/gcc', '-c', 'a.c'],
      cwd,
      env: { ...env, ...setting },
      inputs,
      outputs: [join(cwd, 'a.o')],
    });
    t.false(answer.stderrText.includes('PWNED'), JSON.stringify(setting));
  }
});

test.serial('a precompiled header that a preprocessed text names is not believed, whatever it is called', async (t) => {
  const pragma = '#pragma GCC pch_preprocess "data.bin"\nint x;\n';
  const cwd = project(t, { 'a.h': 'int f(void);\n', 'a.i': pragma, 'a.c': pragma });
  spawnSync('/usr/bin/gcc', ['-x', 'c-header', 'a.h', '-o', 'data.bin'], { cwd, env });
  const inputs = Object.fromEntries(['a.i', 'a.c', 'data.bin'].map((name) => [join(cwd, name), { content: readFileSync(join(cwd, name)) }]));
  for (const words of [['a.i'], ['-traditional-cpp', 'a.c'], ['-x', 'cpp-output', 'a.c']]) {
    const argv = ['/usr/bin/gcc', '-c', ...words, '-o', 'a.o'];
    t.is(spawnSync(argv[0]!, argv.slice(1), { cwd, env }).status, 0, 'gcc takes it');
    const error = await t.throwsAsync(lab.run({ argv, cwd, env, inputs, outputs: [join(cwd, 'a.o')] }), { instanceOf: WardError });
    t.like(error, { code: 'input-unsigned', class: 'infrastructure', message: `The input ${JSON.stringify(join(cwd, 'data.bin'))} is a precompiled header under another name.` });
  }
});

test.serial('files of the host are not there to be included', async (t) => {
  const cwd = project(t, {});
  for (const source of [
    '#include "/etc/passwd"\n',
    '#include "/etc/shadow"\n',
    'asm(".incbin \\"/proc/self/environ\\"");\n',
    'asm(".incbin \\"/etc/hostname\\"");\n',
  ]) {
    const answer = await lab.run({
      argv: ['/usr/bin/gcc', '-c', 'a.c'],
      cwd,
      env,
      inputs: { [join(cwd, 'a.c')]: { content: source } },
      outputs: [join(cwd, 'a.o')],
    });
    t.is(answer.status.code, 1);
    t.regex(answer.stderrText, /No such file or directory|file not found/);
  }
});

if (isRoot) {
  test.serial("an ordinary user's slot makes the same object as one made by root", async (t) => {
    const cwd = project(t, {});
    const own = await Lab.open({ by: 'user', compilers: ['/usr/bin/gcc'] });
    t.teardown(() => own.close());
    const request = {
      argv: ['/usr/bin/gcc', '-g', '-c', 'a.c'],
      cwd,
      env,
      inputs: { [join(cwd, 'a.c')]: { content: 'int x;\n' } },
      outputs: [join(cwd, 'a.o')],
    };
    t.true((await own.run(request)).contents[0]!.equals((await lab.run(request)).contents[0]!));
  });
}
