/**
 * Each command that a page shows exists, with the options that it shows.
 *
 * @module
 */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test from 'ava';
import { everyCommand, help, readHelp, readUsage } from './help.ts';
import { blocks, inlineCode, page, pages, root, simpleCommands } from './pages.ts';

/** What is wrong with the words after `wardctl` or `wardccd`; `whole` if operands are shown, too. */
const mistakesOf = async (program: 'wardctl' | 'wardccd', words: readonly string[], whole: boolean): Promise<string[]> => {
  const path: string[] = [];
  let told = await help(program, path);
  while (told.commands.includes(words[path.length] ?? '')) {
    path.push(words[path.length]!);
    told = await help(program, path);
  }
  // `wardctl certs … --dir D`: an option of several commands.
  if (words[path.length] === '…' && told.commands.length > 0) {
    const each = await Promise.all(told.commands.filter((name) => name !== 'help').map((name) => mistakesOf(program, [...path, name, ...words.slice(path.length + 1)], false)));
    return each.find((mistakes) => mistakes.length === 0) ?? each[0] ?? [];
  }
  const rest = words.slice(path.length).filter((word) => word !== '…');
  const mistakes: string[] = [];
  let operands = 0;
  for (let i = 0; i < rest.length; i++) {
    const word = rest[i]!;
    const takesValue = told.options.get(word.replace(/=.*/, ''));
    if (takesValue === true && !word.includes('=')) i++;
    if (takesValue === undefined && word.startsWith('-')) mistakes.push(`no option ${word}`);
    if (!word.startsWith('-')) operands++;
  }
  if (program === 'wardctl' && told.commands.length > 0 && rest.length > 0 && !rest[0]!.startsWith('-')) mistakes.push(`no command ${rest[0]}`);
  if (whole && operands < told.needed) mistakes.push('an operand is missing');
  return mistakes;
};

const scripts = (JSON.parse(page('package.json')) as { scripts: Record<string, string> }).scripts;
const scriptSources: Readonly<Record<string, string>> = { demo: 'setup', bench: 'bench', attacks: 'test/attacks', fuzz: 'test/fuzz', chaos: 'test/chaos' };

const textBelow = (directory: string): string =>
  readdirSync(join(root, directory), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /(\.(ts|c|h|sh|js)|^[a-z-]+)$/.test(entry.name) && !entry.parentPath.includes('/fixtures/projects'))
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8'))
    .join('\n');

const npmMistakes = (words: readonly string[]): string[] => {
  const name = words[0] === 'run' ? words[1] : words[0];
  if (name === undefined || name === '…') return [];
  if (name === 'ci' && words[0] === 'ci') return [];
  if (scripts[name] === undefined) return [`package.json has no script ${name}`];
  const options = words.filter((word) => /^--[a-z]/.test(word));
  const source = scriptSources[name] === undefined ? '' : textBelow(scriptSources[name]);
  return options.filter((option) => !source.includes(option) && !source.includes(`${option.slice(2)}:`)).map((option) => `npm run ${name} has no option ${option}`);
};

/** What is wrong with a simple command; nothing is said about programs that are not ours. */
const mistakes = async ([program = '', ...words]: readonly string[], whole: boolean): Promise<string[]> => {
  if (program === 'wardctl' || program === 'wardccd') return mistakesOf(program, words, whole);
  if (program === 'npm') return npmMistakes(words);
  if (program === 'wardcc' && words[0]?.startsWith('-') === true && !['--version', '--help'].includes(words[0])) return [`no option ${words[0]}`];
  return [];
};

for (const { name, text } of pages) {
  const fenced = blocks(text).filter(({ language }) => ['', 'sh'].includes(language)).flatMap(({ lines }) => lines);
  const shown = [...fenced.map((line) => ({ line, whole: true })), ...inlineCode(text).map((line) => ({ line, whole: false }))]
    .filter(({ line }) => /\b(wardctl|wardccd|wardcc|npm) /.test(line));
  if (shown.length === 0) continue;
  test(`${name}: every command and option in it exists`, async (t) => {
    for (const { line, whole } of shown) {
      for (const words of simpleCommands(line)) t.deepEqual(await mistakes(words, whole), [], line);
    }
    t.log(`${shown.length} command lines`);
  });
}

test('every WARDCC_ variable that a page names is read by a program', (t) => {
  const sources = ['client', 'server', 'ctl', 'bin', 'setup', 'test'].map(textBelow).join('\n');
  for (const { name, text } of pages) {
    for (const [variable] of text.matchAll(/WARDCC_[A-Z_]*[A-Z]/g)) t.true(sources.includes(variable), `${name}: ${variable}`);
  }
});

const anchorOf = (heading: string): string => heading.toLowerCase().replaceAll(/[^\p{L}\p{N}\s_-]/gu, '').replaceAll(' ', '-');

test('every link of a page leads somewhere', (t) => {
  for (const { name, text } of pages) {
    for (const [, target = ''] of text.replaceAll(/^ *```[\s\S]*?^ *```$/gm, '').matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      const [path = '', anchor] = target.split('#');
      const file = path === '' ? name : join(dirname(name), path);
      if (!t.true(existsSync(join(root, file)), `${name}: ${target}`) || anchor === undefined) continue;
      const headings = [...page(file).matchAll(/^#+ (.*)$/gm)].map(([, heading]) => anchorOf(heading!));
      t.true(headings.includes(anchor), `${name}: ${target}`);
    }
  }
});

test('every page of docs/ is in the list of pages', (t) => {
  const listed = page('docs/README.md');
  for (const { name } of pages) {
    if (/^docs\/[^/]+$/.test(name) && name !== 'docs/README.md') t.true(listed.includes(`(${name.slice('docs/'.length)})`), name);
  }
});

test('the readers of help and of commands see what is there', async (t) => {
  t.deepEqual(simpleCommands('A=1 B= wardctl stats [--json]  && wardctl why x | less   # what'), [['wardctl', 'stats', '--json'], ['wardctl', 'why', 'x'], ['less']]);
  const told = readHelp('Usage: wardctl x [options] <dir> <file or serial>\n\nwhat\n\nOptions:\n  -d, --dir <dir>  where\n                   it is\n  --json  print\n\nCommands:\n  one [options]  first\n  two  second\n');
  t.deepEqual(told, { commands: ['one', 'two'], options: new Map([['-d', true], ['--dir', true], ['--json', false]]), needed: 2 });
  t.deepEqual(readUsage('usage: wardccd --config FILE\n       wardccd take --dry [--in DIR] SOURCE REVISION\n', 'take'), {
    commands: [], options: new Map([['--help', false], ['--dry', false], ['--in', true]]), needed: 2,
  });
  t.true((await everyCommand('wardctl')).some((path) => path.join(' ') === 'certs issue'));
  t.deepEqual(await mistakesOf('wardctl', ['stats', '--no-such'], true), ['no option --no-such']);
  t.deepEqual(await mistakesOf('wardctl', ['certs', 'mint'], true), ['no command mint']);
  t.deepEqual(await mistakesOf('wardctl', ['why', '--json'], true), ['an operand is missing']);
  t.deepEqual(await mistakesOf('wardccd', ['doctor', '--jsn'], true), ['no option --jsn']);
});
