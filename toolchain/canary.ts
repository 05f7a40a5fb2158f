/**
 * The canary: a fixed source that every toolchain compiles before it is used. Client and server compile it by themselves; a
 * job goes only where the objects were the same. It includes nothing, so it needs nothing but the toolchain, and it walks
 * through many parts of a compiler: optimiser, vectoriser, floating point, debug information, templates, exceptions.
 *
 * @module
 */

import { createHash } from 'node:crypto';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WardError } from '../protocol/errors.ts';
import type { CanaryLanguage } from './closure.ts';
import type { Toolchain } from './describe.ts';
import { askEnvironment } from './query.ts';

const c = `
typedef unsigned long word;
struct point { double x, y; int tag : 5, rest : 27; };
static const char *const names[] = { "ward", "canary", "\\u00fc" };
enum kind { small, large = 1 << 20 };
static word mix(word a, word b) { return (a << 7 | a >> (8 * sizeof a - 7)) ^ b * 0x9e3779b9ul; }
double norm(const struct point *p, int n) {
  double sum = 0;
  for (int i = 0; i < n; i++) sum += p[i].x * p[i].x + p[i].y * p[i].y;
  return __builtin_sqrt(sum);
}
void scale(float *restrict to, const float *restrict from, int n) {
  for (int i = 0; i < n; i++) to[i] = from[i] * 1.5f + 0.1f;
}
word choose(enum kind kind, const char *text) {
  word seed = sizeof(struct point);
  switch (kind) {
  case small: for (; *text; text++) seed = mix(seed, (unsigned char)*text); break;
  case large: seed = mix(seed, (word)names[seed % 3]); break;
  default: __builtin_trap();
  }
  return seed;
}
long double average(int count, ...) {
  __builtin_va_list list;
  long double sum = 0;
  __builtin_va_start(list, count);
  for (int i = 0; i < count; i++) sum += __builtin_va_arg(list, int);
  __builtin_va_end(list);
  return count ? sum / count : 0;
}
int shared __attribute__((weak, aligned(64))) = 42;
_Thread_local int per_thread;
int next(void) { return __atomic_add_fetch(&shared, ++per_thread, __ATOMIC_SEQ_CST); }
`;

const cxx = `
struct shape { virtual ~shape() {} virtual double area() const = 0; };
struct square : shape { double side; explicit square(double s) : side(s) {} double area() const override { return side * side; } };
struct circle final : virtual shape { double r = 1; double area() const override { return 3.14159265358979 * r * r; } };
template <typename T, unsigned N> struct array {
  T items[N];
  constexpr T sum() const { T total{}; for (const T &item : items) total += item; return total; }
  const T *begin() const { return items; }
  const T *end() const { return items + N; }
};
template <typename... Ts> constexpr unsigned long bytes() { return (0 + ... + sizeof(Ts)); }
static_assert(array<int, 3>{{1, 2, 3}}.sum() == 6 && bytes<char, short>() == 3, "");
namespace { int depth; }
inline namespace v1 { int guarded(const shape &s) {
  auto measure = [&](double factor) noexcept(false) { if (factor < 0) throw depth; return s.area() * factor; };
  try { return static_cast<int>(measure(depth++)); }
  catch (int code) { return -code; }
  catch (...) { throw; }
} }
const square *as_square(const shape *s) { return dynamic_cast<const square *>(s); }
double both() { static const square one{1.0}; circle c; return one.area() + c.area() + array<double, 4>{{1, 2, 3, 4}}.sum(); }
`;

export interface CanaryJob {
  readonly language: CanaryLanguage;
  /** Name of the source in the working directory. */
  readonly source: string;
  readonly content: string;
  /** Name of the object in the working directory. */
  readonly object: string;
  /** The compiler's arguments, `argv[0]` included. */
  readonly argv: string[];
  readonly env: Readonly<Record<string, string>>;
}

/** What is compiled to prove a toolchain, in a working directory that the object does not depend on. */
export const canaryJobs = (toolchain: Pick<Toolchain, 'name' | 'languages'>, cwd: string): CanaryJob[] =>
  toolchain.languages.map((language) => {
    const source = language === 'c' ? 'canary.c' : 'canary.cc';
    const object = `${source}.o`;
    const standard = language === 'c' ? '-std=gnu11' : '-std=gnu++17';
    const options = [standard, '-O3', '-g', '-fPIC', '-nostdinc', `-ffile-prefix-map=${cwd}=/canary`];
    const argv = [toolchain.name, '-c', '-x', language, ...options, '-o', object, source];
    return { language, source, content: language === 'c' ? c : cxx, object, argv, env: askEnvironment };
  });

/** The name of what a toolchain makes of the canary: SHA-256 over the SHA-256 of each object, in the order of the jobs. */
export const canaryDigest = (objects: readonly Buffer[]): string => {
  const hash = createHash('sha256');
  for (const object of objects) hash.update(createHash('sha256').update(object).digest());
  return hash.digest('hex');
};

const run = (job: CanaryJob, cwd: string): Promise<void> =>
  new Promise((resolve, reject) => {
    const [file, ...args] = job.argv as [string, ...string[]];
    // What the compiler keeps for itself goes away with the rest, even if it is killed.
    const child = spawn(file, args, { cwd, env: { ...job.env, TMPDIR: cwd }, stdio: ['ignore', 'ignore', 'pipe'], timeout: 60_000 });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(0, 4096)));
    child.on('error', (error) => reject(new WardError('toolchain-unknown', `${file} could not be run.`, { cause: error })));
    child.on('close', (code) => {
      if (code === 0) resolve();
      else reject(new WardError('toolchain-unknown', `${file} cannot compile the canary: ${said.split('\n')[0] ?? ''}`));
    });
  });

/** Compiles the canary here, without a sandbox, as a client does with its own compiler. */
export const localCanary = async (toolchain: Pick<Toolchain, 'name' | 'languages'>): Promise<string> => {
  const cwd = mkdtempSync(join(tmpdir(), 'wardcc-canary-'));
  const remove = (): void => rmSync(cwd, { recursive: true, force: true });
  // A process that is told to end does not wait for the compilers.
  process.once('exit', remove);
  try {
    const jobs = canaryJobs(toolchain, cwd);
    for (const job of jobs) writeFileSync(join(cwd, job.source), job.content);
    await Promise.all(jobs.map((job) => run(job, cwd)));
    return canaryDigest(jobs.map((job) => readFileSync(join(cwd, job.object))));
  } finally {
    process.off('exit', remove);
    remove();
  }
};
