/**
 * Attacks made of names: paths that no client may have, trees that are none, and names that invite mistakes.
 *
 * @module
 */
import type { RawEntry } from '../raw-tree.ts';
import { clang, compile, family, gcc } from './make.ts';

const file = (path: string, content = 'int attacked;\n'): RawEntry => ({ path, kind: 'file', content });
const directory = (path: string): RawEntry => ({ path, kind: 'directory' });
const link = (path: string, target: string): RawEntry => ({ path, kind: 'link', target });

const trees = family('paths and trees', { sign: 'wrote', proof: 'careless', compilers: gcc, argv: compile(), wall: 'tree-invalid' }, ([
  ['tree-dots', 'an input above the root of the tree', [file('/../../host/precious.txt')], true],
  ['tree-dots-inside', 'an input that climbs out in the middle of its path', [directory('/x'), file('/x/../../../host/precious.txt')]],
  ['tree-dots-directory', 'a directory above the root of the tree', [directory('/../../host/out'), file('/../../host/out/made')]],
  ['tree-slashes', 'doubled slashes and dots', [file('//..//..//host//precious.txt')]],
  ['tree-dot', 'dots of one kind and the other', [file('/./../../host/precious.txt')]],
  ['tree-below-link', 'an input below a link out of the tree', [link('/l', '{HOST}/out'), file('/l/made')], true],
  ['tree-below-relative-link', 'an input below a relative link out of the tree', [link('/l', '../../host/out'), file('/l/made')]],
  ['tree-through-link', 'a file where a link out of the tree stands already', [link('/l', '{HOST}/precious.txt'), file('/l')], true],
  [
    'tree-link-chain', 'an input below a link to a link',
    [link('/a', '/b'), link('/b', '{HOST}/out'), link('/c', '{HOST}/out'), file('/c/made')],
  ],
  ['tree-link-late', 'a directory that becomes a link', [link('/d', '{HOST}'), directory('/d/out'), file('/d/out/made')]],
] as const).map(([id, tries, tree, short]) => ({ id, tries, tree, ...(short === undefined ? {} : { short }) }) as never));

const long = Array.from({ length: 19 }, (_, index) => `${index}${'d'.repeat(190)}`).join('/');
const deep = Array.from({ length: 250 }, () => 'd').join('/');

const names = family('paths and trees', { sign: 'compiled', wall: 'blind' }, [
  {
    id: 'newline-source', tries: 'a newline in the name of the source', argv: ['-c', 'a\nb.c', '-o', 'a\n.o'],
    outputs: ['{WORK}/a\n.o'], files: { 'a\nb.c': 'int x;\n' }, wall: 'blind', short: true,
  },
  {
    id: 'shell', tries: 'what a shell would run, as a name', argv: ['-c', '$(touch ran);`touch ran`|&.c', '-o', 'a.o'],
    files: { '$(touch ran);`touch ran`|&.c': 'int x;\n' }, wall: 'blind',
  },
  {
    id: 'quotes', tries: 'quotes and escapes in a name', argv: ['-MMD', '-MF', 'a.d', '-c', '"\'\\ %s$$#:.c', '-o', 'a.o'],
    outputs: ['{WORK}/a.o', '{WORK}/a.d'], files: { '"\'\\ %s$$#:.c': 'int x;\n' }, wall: 'blind',
  },
  {
    id: 'option-directory', tries: 'directories named like options of the sandbox', cwd: '{WORK}/--bind/--ro-bind',
    argv: ['-c', '../--/a.c', '-o', './--setenv.o'], outputs: ['{WORK}/--bind/--ro-bind/--setenv.o'],
    files: { '--bind/--/a.c': 'int x;\n', '--bind/--ro-bind': 'directory' }, wall: 'blind',
  },
  {
    id: 'case', tries: 'two headers that differ only in case', argv: compile(),
    files: {
      'a.c': '#include "h.h"\n#include "H.h"\n#if A != 1 || B != 2\n#error one\n#endif\nint x;\n', 'h.h': '#define A 1\n',
      'H.h': '#define B 2\n',
    },
    wall: 'blind',
  },
  {
    id: 'normal-form', tries: 'two headers whose names differ only in Unicode normal form', argv: compile(),
    files: {
      'a.c': '#include "\u00e9.h"\n#include "e\u0301.h"\n#if A != 1 || B != 2\n#error one\n#endif\nint x;\n',
      '\u00e9.h': '#define A 1\n', 'e\u0301.h': '#define B 2\n',
    },
    wall: 'blind',
  },
  {
    id: 'long-path', tries: 'an input almost as deep as the kernel allows', argv: [`-I${long}`, ...compile()],
    files: { 'a.c': '#include "h.h"\nint x;\n', [`${long}/h.h`]: '' }, wall: 'blind',
  },
  {
    id: 'long-argument', tries: 'a search directory of 5,000 characters', compilers: clang,
    argv: [`-I/${'x/'.repeat(2500)}`, ...compile()], wall: 'blind',
  },
  {
    id: 'deep', tries: 'a tree of 250 directories', argv: [`-I${deep}`, ...compile()],
    files: { 'a.c': '#include "h.h"\nint x;\n', [`${deep}/h.h`]: '' }, wall: 'blind',
  },
  {
    id: 'link-loop', tries: 'links that go round', compilers: clang, argv: ['-Iloop', ...compile()],
    files: { loop: { link: 'loop' }, one: { link: 'two' }, two: { link: 'one' } }, wall: 'blind',
  },
  {
    id: 'equal-files', tries: 'two headers of equal content with #pragma once', argv: compile(), compilers: gcc,
    files: {
      'a.c': '#include "a.h"\n#include "b.h"\nint x;\n', 'a.h': '#pragma once\n#define A 1\n', 'b.h': '#pragma once\n#define A 1\n',
    },
    wall: 'blind',
  },
]);

const places = family('paths and trees', { sign: 'wrote' }, [
  {
    id: 'output-not-normalised', tries: 'an output that is asked for through ..', argv: ['-c', 'a.c', '-o', '../host/precious.o'],
    outputs: ['{WORK}/../host/precious.o'], wall: 'path-refused',
  },
  {
    id: 'pwd-elsewhere', tries: 'a PWD that is not the working directory', sign: 'compiled', pwd: '{HOST}', argv: compile(),
    wall: 'tree-invalid',
  },
  {
    id: 'cwd-beside', tries: 'a working directory of the machine', sign: 'compiled', cwd: '{HOST}/inc',
    argv: ['-c', '{WORK}/a.c', '-o', '{WORK}/a.o'], wall: 'blind', compilers: gcc,
  },
]);

export const paths = [...trees, ...names, ...places];
