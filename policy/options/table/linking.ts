/**
 * The linker. A compile that stops before linking runs none, so these change nothing: they are accepted because build
 * systems pass them with every command. What names a file with a value of its own is not.
 *
 * @module
 */
import { both, clang, entries, entry, gcc, local, plain, word } from '../entries.ts';

const name = /^[A-Za-z0-9_.+:-]+$/;

export const linking = [
  entry(both, '-l', 'either', plain, name),
  entry(both, '-L', 'either', plain),
  entry(both, '-T', 'either', local('linker-argument')),
  entry(both, '-u', 'separate', plain, word),
  entry(both, '-z', 'separate', plain, word),
  entry(both, '-e', 'separate', plain, name),
  ...entries(both, `
    -r -s -static -shared -rdynamic -pie -no-pie -static-pie -nostdlib -nostartfiles -nodefaultlibs -nolibc`, 'flag', plain),
  ...entries(both, '--static --shared -static-libgcc -shared-libgcc -static-libstdc++ -nopie', 'flag', plain),
  ...entries(gcc, '-static-libasan -static-libtsan -static-libubsan -static-liblsan -static-libhwasan -symbolic', 'flag', plain),
  ...entries(clang, '-static-libsan -shared-libsan -static-openmp -nostdlib++', 'flag', plain),
  ...entries(both, '-fuse-ld=', 'joined', plain, /^[a-z0-9]+$/),
  ...entries(gcc, '-fuse-linker-plugin -fno-use-linker-plugin', 'flag', plain),
  ...entries(both, '-stdlib= -rtlib= -unwindlib= --stdlib= --rtlib= --unwindlib=', 'joined', plain, name),
  ...entries(gcc, '-flinker-output= -fresolution= -fltrans-output-list= -fwpa=', 'joined', local('whole-program')),
  ...entries(gcc, '-fltrans -fwpa -flto-report -flto-report-wpa -fmem-report-wpa', 'flag', local('whole-program')),
];
