/**
 * Command lines, sources and what compilers write.
 *
 * @module
 */
import { readdirSync, readFileSync } from 'node:fs';
import { redactArguments } from '../../../policy/log/redact.ts';
import { checkArgv, checkEnvironment } from '../../../policy/options/index.ts';
import { splitResponse } from '../../../client/command/response-file.ts';
import { parseDepfile } from '../../../client/inputs/depfile.ts';
import { factsOf } from '../../../client/inputs/facts.ts';
import { cleanDiagnostics } from '../../../client/results/clean-diagnostics.ts';
import { bytesSource, parseElf } from '../../../toolchain/elf.ts';
import { attempt, must, some, type Target } from '../target.ts';

const lines = (input: Buffer): string[] => input.toString('utf8').split('\n');

const options: Target = {
  name: 'options',
  words: [
    '\n', '-', '-c', '-o', '-MF', '-Wp,', '-Wa,', '-x', '@', '-D', '-I', '--', '-include', '=', ',', '-Xclang', '-fplugin=', '-B',
    '-specs=', '-march=', '-std=', '-MD', '-S', '-wrapper',
  ],
  seeds: () => [
    '-O2\n-g\n-c\na.c\n-o\na.o', '-Wp,-MD,a.d\n-c\na.c', '-x\nc++\n-c\na\n-MD\n-MF\nd\n-MT\nt', '-I.\n-isystem\n/x\n-DA=1\n-UB\n-include\nh.h\n-S\na.cc', '-Wa,--noexecstack\n-c\na.S',
    '-fsanitize=address\n-fprofile-arcs\n-ftest-coverage\n-gsplit-dwarf\n-c\na.c', '-Xclang\n-load\n-c\na.c',
  ].map((text) => Buffer.from(text)),
  run: (input) => (['gcc', 'clang'] as const).map((family) => {
    const argv = [`/usr/bin/${family}`, ...lines(input)];
    const checked = checkArgv(argv, family);
    redactArguments(argv, family, Buffer.alloc(32));
    if (!checked.ok) return checked.reason;
    // What runs code must not be let through, however it is hidden.
    must(
      !argv.some(
        (text, index) => index > 0 && (
          text.startsWith('@') || /^(-wrapper|-fplugin=.|-specs=|--specs=|-B.)/.test(text)
        ) && !isValue(argv, index)
      ),
      `let through: ${JSON.stringify(argv)}`,
    );
    return `ok ${[...new Set(checked.paths.map(({ role }) => role))].sort().join(',')}`;
  }).join('|'),
};

/** An argument that belongs to the one before it: `-D -wrapper` defines a macro. Response files are expanded wherever they stand. */
const isValue = (argv: readonly string[], index: number): boolean => !argv[index]!.startsWith('@') && /^-./.test(argv[index - 1]!);

const environment: Target = {
  name: 'environment',
  words: ['=', '\n', 'CPATH', 'LC_ALL', 'LD_PRELOAD', 'SOURCE_DATE_EPOCH', '__proto__', 'constructor'],
  seeds: () => ['LC_ALL=C\nSOURCE_DATE_EPOCH=1', 'CPATH=/a:/b\nGCC_COLORS=x', 'LD_PRELOAD=/x'].map((text) => Buffer.from(text)),
  run: (input) => {
    const env = Object.fromEntries(
      lines(input).map((line) => [line.slice(0, Math.max(0, line.indexOf('='))), line.slice(line.indexOf('=') + 1)])
    );
    const findings = checkEnvironment(env);
    for (const name of ['LD_PRELOAD', 'COMPILER_PATH', 'GCC_EXEC_PREFIX']) must(
      !(name in env) || findings.some(({ option }) => option === name), `${name} is let through`,
    );
    return some(findings.length);
  },
};

const response: Target = {
  name: 'command-line',
  words: ['"', "'", '\\', ' ', '\n', '\t', '@', '\\"', "\\'", '\u00a0', '\f', '\0'],
  seeds: () => ['-c a.c -o "a b.o"', "-DX='\"y\"' \\ \\\\", '@nested\n-O2'].map((text) => Buffer.from(text)),
  run: (input) => {
    const text = input.toString('utf8');
    const found = splitResponse(text);
    if (found === undefined) return 'odd';
    const quoted = found.map((each) => each.replaceAll(/[\s"'\\]/g, '\\$&')).join(' ');
    must(JSON.stringify(splitResponse(quoted)) === JSON.stringify(found), 'quoting what was split splits differently');
    return some(found.length);
  },
};

const depfile: Target = {
  name: 'depfile',
  words: ['\\ ', '\\\n', '$$', '\\#', ': ', '\\\\ ', '\r\n', '\t', ':', '#'],
  seeds: () => ['a.o: a.c /usr/include/stdio.h \\\n b\\ c.h\n', 'x: $$a \\#b\n\nb:\n', 'C\\:x: y\r\n'].map((text) => Buffer.from(text)),
  run: (input) => {
    const names = parseDepfile(input.toString('utf8'));
    must(names === undefined || names.every((name) => name !== '' && !name.includes('\n')), 'a name is empty or has a line end');
    return names === undefined ? 'none' : some(names.length);
  },
};

const facts: Target = {
  name: 'scanner',
  maxBytes: 16_384,
  words: [
    '#include', '"', '<', '>', '\\\n', '/*', '*/', '//', '__has_include(', '#import', '#embed', '.incbin', 'R"x(', ')x"', '??/',
    '#define', '_Pragma("', '__DATE__', '%:include', '\r', '#include_next',
  ],
  seeds: () => [
    '#include <a.h>\n#  include "b.h" // c\n#if __has_include("x")\n#endif\n', '#define X <y.h>\n#include X\nasm(".incbin \\"f\\"");\n', 'R"(\n#include "no"\n)"\n#import "m.h"\n#embed "e" limit(3)\n',
  ].map((text) => Buffer.from(text)),
  run: (input) => {
    const found = factsOf(input);
    return Object.entries(found).map(
      ([name, value]) => `${name} ${some((value as { length?: number; size?: number }).length ?? (value as { size?: number }).size ?? 0)}`
    ).join(',');
  },
};

const control = (bytes: Buffer): boolean => bytes.toString('latin1').replaceAll(
  /\u001b\[[0-9;:]*[mK]|\u001b\]8;[^\u0007\u001b]*(?:\u0007|\u001b\\)|\r\n/g, '',
).split('').some((each) => {
  const code = each.charCodeAt(0);
  return (code < 0x20 && code !== 9 && code !== 10) || code === 0x7f;
});

const diagnostics: Target = {
  name: 'diagnostics',
  words: [
    '\u001b[', '\u001b]', '\u001b]8;;', '\u0007', '\u001b\\', 'm', 'K', '\u009b', '\u009d', 'J', '\r\n', '\r', '\u001b[31m', '\u001bP',
    '\u001b[2J', Buffer.from([0x9b]), Buffer.from([0xc2]),
  ],
  seeds: () => [
    'a.c:1:2: \u001b[01;31merror: \u001b[m\u001b[Kx\r\n', '\u001b]8;;https://gcc.gnu.org\u0007-Wx\u001b]8;;\u0007',
    '\u001b]0;title\u0007\u001b[2J\u001bc',
  ].map((text) => Buffer.from(text)),
  run: (input) => {
    const clean = cleanDiagnostics(input);
    must(!control(clean), 'a control sequence is left');
    must(!/\u00c2[\u0080-\u009f]/.test(clean.toString('latin1')), 'a C1 control character in UTF-8 is left');
    must(cleanDiagnostics(clean).equals(clean), 'cleaning twice cleans more');
    return clean.length === input.length ? 'as it was' : 'cleaned';
  },
};

const elf: Target = {
  name: 'elf',
  maxBytes: 65_536,
  words: [Buffer.from([0x7f, 0x45, 0x4c, 0x46])],
  seeds: () => {
    // The compiler of the machine has every part that is read; a small library is changed faster.
    const directory = `/usr/lib/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`;
    const libraries = readdirSync(directory, { withFileTypes: true }).filter(
      (entry) => entry.isFile() && /\.so\.[0-9.]+$/.test(entry.name)
    );
    const small = libraries.slice(0, 60).map(
      ({ name }) => readFileSync(`${directory}/${name}`)
    ).filter(({ length }) => length < 32_768).slice(0, 6);
    return [...small, readFileSync('/bin/true').subarray(0, 65_536)];
  },
  run: (input) => attempt(() => parseElf(bytesSource(input)), ({ bits, needed, rpath, runpath, interpreter }) =>
    `${bits} ${some(needed.length)} ${[rpath, runpath, interpreter].map((text) => text !== undefined).join(' ')}`, 'toolchain-unknown'),
};

export const commandTargets: readonly Target[] = [options, environment, response, depfile, facts, diagnostics, elf];
