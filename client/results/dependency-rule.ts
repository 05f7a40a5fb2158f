/**
 * The rule in a dependency file of gcc with other names in it, laid out as gcc itself would have done: a line has 72 bytes at
 * most unless one name is longer. That this is how the file was written is seen from the file, not believed.
 *
 * @module
 */

/** libcpp, mkdeps.cc: `deps_write`. */
const widest = 72;
const isName = /(?:\\.|[^\\ ])+/gs;

interface Rule {
  readonly targets: readonly string[];
  readonly prerequisites: readonly string[];
  /** What `-MP` adds: a rule without prerequisites for each header. */
  readonly phony: readonly string[];
}

/**
 * @param map the name that takes the place of one, quoted as it is; undefined: the file can't be written for that
 * @returns undefined also for a file that is not laid out as expected
 */
export const mapRule = (file: Buffer, map: (name: string) => string | undefined): Buffer | undefined => {
  // Widths are counted in bytes.
  const text = file.toString('latin1');
  const rule = parse(text);
  if (rule === undefined || write(rule) !== text) return undefined;
  const mapAll = (names: readonly string[]): string[] => names.map(map).filter((name) => name !== undefined);
  const mapped = { targets: mapAll(rule.targets), prerequisites: mapAll(rule.prerequisites), phony: mapAll(rule.phony) };
  const complete = (['targets', 'prerequisites', 'phony'] as const).every((part) => mapped[part].length === rule[part].length);
  return complete ? Buffer.from(write(mapped), 'latin1') : undefined;
};

const parse = (text: string): Rule | undefined => {
  const lines = text.replaceAll(' \\\n ', ' ').split('\n');
  const [first = '', ...rest] = lines;
  if (rest.pop() !== '' || !rest.every((line) => line.endsWith(':'))) return undefined;
  const names = first.match(isName) ?? [];
  const end = names.findIndex((name) => name.endsWith(':'));
  if (end < 0) return undefined;
  return {
    targets: names.slice(0, end + 1).map((name, index) => (index === end ? name.slice(0, -1) : name)),
    prerequisites: names.slice(end + 1),
    phony: rest.map((line) => line.slice(0, -1)),
  };
};

const write = ({ targets, prerequisites, phony }: Rule): string => {
  let text = '';
  let column = 0;
  const add = (name: string): void => {
    if (column > 0) {
      if (column + name.length > widest) {
        text += ' \\\n';
        column = 0;
      }
      column += 1;
      text += ' ';
    }
    column += name.length;
    text += name;
  };
  for (const target of targets) add(target);
  text += ':';
  column += 1;
  for (const name of prerequisites) add(name);
  return `${text}\n${phony.map((name) => `${name}:\n`).join('')}`;
};
