/**
 * Attacks that read what is not the job's.
 *
 * @module
 */
import { clang, compile, family, gcc } from './make.ts';

const account = 'root:x:0:0';

export const read = family('read', { sign: 'read' }, [
  {
    id: 'include-option', tries: '-include of a file of the machine', argv: compile('-include', '{HOST}/inc/secret.h'), wall: 'blind',
    short: true,
  },
  {
    id: 'include-passwd', tries: '-include /etc/passwd', argv: compile('-include', '/etc/passwd'), secrets: [account],
    wall: 'path-refused', short: true,
  },
  {
    id: 'imacros', tries: '-imacros of a file of the machine',
    argv: compile('-imacros', '{HOST}/secret.txt', '-imacros', '{HOST}/inc/secret.h', '-include', '{HOST}/inc/secret.h'), wall: 'blind',
  },
  {
    id: 'imacros-passwd', tries: '-imacros /etc/passwd', argv: compile('-imacros', '/etc/passwd', '-include', '/etc/passwd'),
    secrets: [account], wall: 'path-refused',
  },
  {
    id: 'include-absolute', tries: '#include of an absolute path', argv: compile(),
    files: { 'a.c': '#include "{HOST}/inc/secret.h"\n' }, wall: 'blind', short: true,
  },
  {
    id: 'include-text', tries: 'the words of a text come back in diagnostics', argv: compile(),
    files: { 'a.c': '#include "{HOST}/secret.txt"\nint x;\n' }, wall: 'blind',
  },
  {
    id: 'include-etc-passwd', tries: '#include "/etc/passwd"', argv: compile(), files: { 'a.c': '#include "/etc/passwd"\n' },
    secrets: [account], wall: 'blind', short: true,
  },
  {
    id: 'include-dots', tries: '#include through ..', argv: compile(), files: { 'a.c': '#include "../host/inc/secret.h"\n' },
    wall: 'blind',
  },
  {
    id: 'include-macro', tries: 'a computed #include', argv: compile('-DP={HOST}/inc/secret.h'),
    files: { 'a.c': '#define Q(x) #x\n#define R(x) Q(x)\n#include R(P)\n' }, wall: 'blind',
  },
  {
    id: 'include-next', tries: '#include_next into a directory of the machine', argv: compile('-Iinc', '-I{HOST}/inc'),
    files: { 'a.c': '#include "secret.h"\n', 'inc/secret.h': '#include_next <secret.h>\n' }, wall: 'blind',
  },
  {
    id: 'search-i', tries: '-I of a directory of the machine', argv: compile('-I{HOST}/inc'), files: { 'a.c': '#include <secret.h>\n' },
    wall: 'blind',
  },
  {
    id: 'search-isystem', tries: '-isystem of a directory of the machine', argv: compile('-isystem', '{HOST}/inc'),
    files: { 'a.c': '#include <secret.h>\n' }, wall: 'blind',
  },
  {
    id: 'search-iquote', tries: '-iquote of a directory of the machine', argv: compile('-iquote{HOST}/inc'),
    files: { 'a.c': '#include "secret.h"\n' }, wall: 'blind',
  },
  {
    id: 'search-idirafter', tries: '-idirafter of a directory of the machine', argv: compile('-idirafter', '{HOST}/inc'),
    files: { 'a.c': '#include <secret.h>\n' }, wall: 'blind',
  },
  {
    id: 'search-iprefix', tries: '-iprefix and -iwithprefix', argv: compile('-iprefix', '{HOST}/', '-iwithprefix', 'inc'),
    files: { 'a.c': '#include <secret.h>\n' }, wall: 'blind',
  },
  {
    id: 'search-env', tries: 'CPATH names a directory of the machine', argv: compile(), env: { CPATH: '{HOST}/inc' },
    files: { 'a.c': '#include <secret.h>\n' }, wall: 'blind',
  },
  {
    id: 'search-env-c', tries: 'C_INCLUDE_PATH names a directory of the machine', argv: compile(),
    env: { C_INCLUDE_PATH: '{HOST}/inc' }, files: { 'a.c': '#include <secret.h>\n' }, wall: 'blind',
  },
  {
    id: 'link-file', tries: 'an input that is a link out of the tree', argv: compile(),
    files: { 'a.c': '#include "link.h"\n', 'link.h': { link: '{HOST}/inc/secret.h' } }, wall: 'blind', short: true,
  },
  {
    id: 'link-directory', tries: 'a directory that is a link out of the tree', argv: compile('-Ilink'),
    files: { 'a.c': '#include <secret.h>\n', link: { link: '{HOST}/inc' } }, wall: 'blind',
  },
  {
    id: 'link-relative', tries: 'a relative link with ..', argv: compile(),
    files: { 'a.c': '#include "link.h"\n', 'link.h': { link: '../host/inc/secret.h' } }, wall: 'blind',
  },
  {
    id: 'link-source', tries: 'the source itself is a link out of the tree', argv: compile(),
    files: { 'a.c': { link: '{HOST}/inc/secret.h' } }, wall: 'blind',
  },
  {
    id: 'link-etc', tries: 'a link to /etc/passwd', argv: compile(),
    files: { 'a.c': '#include "link.h"\n', 'link.h': { link: '/etc/passwd' } }, secrets: [account], wall: 'blind',
  },
  {
    id: 'link-root', tries: 'a link to / and a path through it', argv: compile(),
    files: { 'a.c': '#include "root/etc/passwd"\n', root: { link: '/' } }, secrets: [account], wall: 'blind',
  },
  {
    id: 'output-link', tries: 'an output whose place is a link to a secret: it comes back on failure', argv: compile(),
    outputs: ['{WORK}/a.o', '{WORK}/stolen'], files: { 'a.c': '#error no\n', stolen: { link: '{HOST}/secret.txt' } }, wall: 'blind',
  },
  {
    id: 'output-host', tries: 'a secret asked for as an output', argv: compile(), outputs: ['{WORK}/a.o', '{HOST}/secret.txt'],
    wall: 'blind',
  },
  {
    id: 'output-passwd', tries: '/etc/passwd asked for as an output', argv: compile(), outputs: ['{WORK}/a.o', '/etc/passwd'],
    secrets: [account], wall: 'path-refused',
  },
  {
    id: 'incbin', tries: '.incbin in inline assembly', argv: compile(),
    files: { 'a.c': '__asm__(".incbin \\"{HOST}/secret.txt\\"");\n' }, wall: 'blind', short: true,
  },
  {
    id: 'incbin-passwd', tries: '.incbin "/etc/passwd"', argv: compile(), files: { 'a.c': '__asm__(".incbin \\"/etc/passwd\\"");\n' },
    secrets: [account], wall: 'blind',
  },
  {
    id: 'asm-include', tries: '.include in inline assembly', argv: compile(),
    files: { 'a.c': '__asm__(".include \\"{HOST}/secret.txt\\"");\n' }, wall: 'blind', compilers: clang,
  },
  {
    id: 'asm-source', tries: 'an assembler source with .incbin', argv: ['-c', 'a.S', '-o', 'a.o'],
    files: { 'a.S': '.incbin "{HOST}/secret.txt"\n' }, wall: 'blind',
  },
  {
    id: 'asm-source-include', tries: 'an assembler source with #include', argv: ['-c', 'a.S', '-o', 'a.o'],
    files: { 'a.S': '#include "{HOST}/secret.txt"\n' }, wall: 'blind',
  },
  {
    id: 'asm-search', tries: '-Wa,-I finds a file of the machine', argv: compile('-Wa,-I,{HOST}'),
    files: { 'a.c': '__asm__(".incbin \\"secret.txt\\"");\n' }, wall: 'option-refused', compilers: gcc,
  },
  {
    id: 'asm-search-i', tries: 'the assembler\'s search follows -I', argv: ['-I{HOST}', '-c', 'a.S', '-o', 'a.o'],
    files: { 'a.S': '.incbin "secret.txt"\n' }, wall: 'blind',
  },
  {
    id: 'preprocessed-include', tries: '#include in preprocessed input', compilers: clang, argv: ['-c', 'a.i', '-o', 'a.o'],
    files: { 'a.i': '#include "{HOST}/inc/secret.h"\n' }, wall: 'blind',
  },
  {
    id: 'has-include', tries: '__has_include asks which files exist', argv: compile(),
    files: { 'a.c': '#if __has_include("{HOST}/secret.txt")\nchar a[] = "ward_" "oracle_yes";\n#endif\n' }, wall: 'blind', short: true,
  },
  {
    id: 'has-include-etc', tries: '__has_include asks for a file in /etc', argv: compile(),
    files: { 'a.c': '#if __has_include("/etc/passwd")\nchar a[] = "ward_" "oracle_yes";\n#endif\n' }, wall: 'blind',
  },
  {
    id: 'has-include-proc', tries: '__has_include looks at /proc', argv: compile(),
    files: { 'a.c': '#if __has_include("/proc/self/status")\nchar a[] = "ward_" "oracle_yes";\n#endif\n' }, wall: 'blind',
  },
  {
    id: 'has-include-directory', tries: '__has_include through a directory of the machine', argv: compile(),
    files: { 'a.c': '#if __has_include("{HOST}/inc/../secret.txt")\nchar a[] = "ward_" "oracle_yes";\n#endif\n' }, wall: 'blind',
  },
  {
    id: 'response-file', tries: '@FILE of the machine comes back in diagnostics', argv: [...compile(), '@{HOST}/secret.txt'],
    wall: 'option-refused', short: true,
  },
  { id: 'response-file-passwd', tries: '@/etc/passwd', argv: [...compile(), '@/etc/passwd'], secrets: [account], wall: 'option-refused' },
  { id: 'assembler-response', tries: '-Wa,@FILE', argv: compile('-Wa,@{HOST}/secret.txt'), wall: 'option-refused', compilers: gcc },
  {
    id: 'xassembler-response', tries: '-Xassembler @FILE', argv: compile('-Xassembler', '@{HOST}/secret.txt'), wall: 'option-refused',
    compilers: gcc,
  },
  { id: 'wp-include', tries: '-Wp,-include', argv: compile('-Wp,-include,{HOST}/inc/secret.h'), wall: 'option-refused' },
  {
    id: 'xpreprocessor-include', tries: '-Xpreprocessor -include',
    argv: compile('-Xpreprocessor', '-include', '-Xpreprocessor', '{HOST}/inc/secret.h'), wall: 'option-refused',
  },
  {
    id: 'xclang-include', tries: '-Xclang -include', compilers: clang,
    argv: compile('-Xclang', '-include', '-Xclang', '{HOST}/inc/secret.h'), wall: 'option-refused',
  },
  { id: 'include-joined', tries: '--include=FILE', argv: compile('--include={HOST}/inc/secret.h'), wall: 'blind' },
  {
    id: 'sysroot', tries: '--sysroot= of a directory of the machine', compilers: gcc,
    argv: compile('--sysroot={HOST}', '-isystem', '=/inc'), files: { 'a.c': '#include <secret.h>\n' }, wall: 'option-refused',
  },
  {
    id: 'isysroot', tries: '-isysroot of a directory of the machine', argv: compile('-isysroot', '{HOST}', '-I=/inc'),
    files: { 'a.c': '#include <secret.h>\n' }, wall: 'option-refused', compilers: gcc,
  },
  {
    id: 'specs-host', tries: '-specs= of a file of the machine', compilers: gcc, argv: [...compile('-specs={HOST}/specs', '-v')],
    wall: 'option-refused',
  },
  {
    id: 'working-directory', tries: '-working-directory elsewhere', compilers: clang,
    argv: ['-working-directory={HOST}', '-Iinc', '-c', '{WORK}/a.c', '-o', '{WORK}/a.o'], files: { 'a.c': '#include <secret.h>\n' },
    wall: 'option-refused',
  },
  {
    id: 'vfs-overlay', tries: '-ivfsoverlay maps a name to a file of the machine', compilers: clang,
    argv: compile('-ivfsoverlay', 'overlay.yaml'),
    files: {
      'a.c': '#include "{WORK}/mapped.h"\n',
      'overlay.yaml': '{"version":0,"roots":[{"type":"file","name":"{WORK}/mapped.h","external-contents":"{HOST}/inc/secret.h"}]}\n',
    },
    wall: 'option-refused',
  },
  {
    id: 'source-host', tries: 'the source is a file of the machine', argv: ['-x', 'c', '-c', '{HOST}/secret.txt', '-o', 'a.o'],
    wall: 'blind',
  },
  {
    id: 'source-passwd', tries: 'the source is /etc/passwd', argv: ['-x', 'c', '-c', '/etc/passwd', '-o', 'a.o'], secrets: [account],
    wall: 'path-refused',
  },
  { id: 'source-dots', tries: 'the source lies beyond ..', argv: ['-x', 'c', '-c', '../host/secret.txt', '-o', 'a.o'], wall: 'blind' },
  {
    id: 'cwd-host', tries: 'the working directory is one of the machine', cwd: '{HOST}',
    argv: ['-include', 'inc/secret.h', '-c', '{WORK}/a.c', '-o', '{WORK}/a.o'], wall: 'blind',
  },
  {
    id: 'embed-dir', tries: 'a debug line that names a file of the machine, shown in diagnostics', compilers: gcc, argv: compile(),
    files: { 'a.c': '# 1 "{HOST}/secret.txt"\nint x = y;\n' }, wall: 'blind',
  },
]);
