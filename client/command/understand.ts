/**
 * Understands a compiler command: stays it here, and why; or what exactly travels. The steps, in order: expand response files,
 * identify the compiler, read the arguments by the options table, check environment, source and outputs.
 *
 * Always holds: a command that this module does not understand completely is local.
 *
 * @module
 */
import { checkClientPath } from '../../policy/paths.ts';
import { deriveOutputs, firstMisfit, languageOf, readArguments, searchDirectories, variableOf } from '../../policy/options/index.ts';
import type { Reading } from '../../policy/options/index.ts';
import { checkoutOf } from './checkout.ts';
import { identifyCompiler } from './compiler.ts';
import { dependencyArguments } from './dependency-arguments.ts';
import { diagnosticEnvironment, diagnosticOptions } from './diagnostics.ts';
import { withStage } from './header.ts';
import { localeOf } from './locale.ts';
import { moduleInTheWay } from './modules.ts';
import { expandNative } from './native.ts';
import { absolutePath, isDirectory, isRegularFile, mayWrite, outputPlace } from './paths.ts';
import { isProbe } from './probe.ts';
import { expandResponseFiles } from './response-file.ts';
import type { CompilerIdentity } from './compiler.ts';
import type { LocalReason } from './reasons.ts';
import type { Command, CommandOutput, CommandRequest, CompileCommand } from './types.ts';

/** Never rejects. Files are looked at, none is changed; the compiler is run at most once to learn what it is. */
export const understandCommand = async (request: CommandRequest): Promise<Command> => {
  const { cwd } = request;
  const known: { probe: boolean; source?: string } = { probe: false };
  const local = (reason: LocalReason, detail?: string): Command =>
    ({ kind: 'local', reason, ...known, ...(detail === undefined ? {} : { detail }) });

  if (request.isUtf8 === false || [...request.argv, cwd, request.pwd ?? ''].some(each => each.includes('\ufffd'))) {
    return local('non-utf8');
  }
  if (!isDirectory(cwd)) {
    return local('working-directory', cwd);
  }
  const expanded = expandResponseFiles(request.argv, cwd);
  if ('unreadable' in expanded) {
    return local('response-file', expanded.unreadable);
  }
  const identity = await identifyCompiler(request.compiler);
  if (typeof identity === 'string') {
    known.probe = isProbe(cwd, expanded.argv);
    return local(identity, request.compiler);
  }
  const argv = withStage(await expandNative([request.compiler, ...expanded.argv.slice(1)], identity.family), identity);

  const reading = readArguments(argv, identity.family);
  const [first] = reading.sources;
  known.probe = isProbe(cwd, reading.sources.map(each => each.path), reading.destination);
  if (first !== undefined && first.path !== '-') {
    known.source = absolutePath(cwd, first.path);
  }
  if (known.probe) {
    return local('configure-probe', first?.path);
  }
  const misfit = firstMisfit(reading, argv, identity.family);
  if (misfit !== undefined) {
    const assembler = misfit.reason === 'language' && misfit.option.endsWith('.s') ? 'assembler-source' : misfit.reason;
    return local(assembler, misfit.option);
  }
  const { source } = known;
  if (first === undefined || source === undefined) {
    return local('source-absent');
  }
  const language = languageOf(first.path, first.language, identity.driver);
  if (language === undefined) {
    return local('language', first.path);
  }
  const reserved = [cwd, source].find(path => checkClientPath(path.replaceAll('/..', '/dir'), []) !== undefined);
  if (reserved !== undefined) {
    return local('path-reserved', reserved);
  }
  if (!isRegularFile(source)) {
    return local('source-missing', first.path);
  }

  const module = moduleInTheWay(reading, cwd, source);
  if (module !== undefined) {
    return local('modules', module);
  }

  const environment = await readEnvironment(request, identity);
  if ('reason' in environment) {
    return local(environment.reason, environment.detail);
  }
  const outputs = findOutputs(reading, identity, cwd, source);
  if ('reason' in outputs) {
    return local(outputs.reason, outputs.detail);
  }
  const { dependencies } = reading;
  const depfile = outputs.files.find(file => file.role === 'depfile');
  const typed = {
    family: identity.family, argv: [...argv, ...diagnosticOptions(argv, request.env, request.terminal, identity)],
    cwd, ...(request.pwd === undefined ? {} : { pwd: request.pwd }), outputs: outputs.files, env: environment.env,
  };
  const checkout = checkoutOf(typed);
  const command: CompileCommand = {
    kind: 'compile', ...typed, language, compiler: request.compiler, ...(checkout === undefined ? {} : { checkout }),
    dependencyArguments: dependencyArguments(argv, reading),
    source,
    ...(depfile === undefined ? {} : { dependencies: { path: depfile.path, systemHeaders: !dependencies.user } }),
    search: [...reading.search.map(({ chain, path }) => ({ chain, path: absolutePath(cwd, path) })), ...environment.search],
    forcedIncludes: reading.includes.map(({ macros, path }) => ({ macros, path: absolutePath(cwd, path) })),
    inputs: reading.inputs.map(({ path }) => absolutePath(cwd, path)),
    defines: reading.defines,
  };
  return command;
};

interface Environment {
  env: Record<string, string>;
  search: CompileCommand['search'][number][];
}

interface Stay {
  reason: LocalReason;
  detail: string;
}

/** What these say is not what travels. */
const decided: ReadonlySet<string> = new Set(['LC_ALL', 'COLUMNS']);

const readEnvironment = async (request: CommandRequest, identity: CompilerIdentity): Promise<Environment | Stay> => {
  const { family } = identity;
  const locale = await localeOf(request.env, family, request.compiler);
  if (locale === undefined) {
    return { reason: 'translated-messages', detail: request.env['LC_ALL'] ?? request.env['LANG'] ?? '' };
  }
  const found: Environment = { env: { LC_ALL: locale, ...diagnosticEnvironment(request.env, request.terminal, identity) }, search: [] };
  for (const [name, value] of Object.entries(request.env)) {
    const variable = variableOf(name);
    if (variable === undefined || decided.has(name) || !variable.families.includes(family)) {
      continue;
    }
    if (variable.effect === 'local' || variable.value?.test(value) === false) {
      return { reason: 'environment', detail: name };
    }
    found.env[name] = value;
    const { chain } = variable;
    if (chain !== undefined && value !== '') {
      found.search.push(...searchDirectories(value).map(path => ({ chain, path: absolutePath(request.cwd, path) })));
    }
  }
  return found;
};

const findOutputs = (reading: Reading, { family }: CompilerIdentity, cwd: string, source: string): { files: CommandOutput[] } | Stay => {
  const files: CommandOutput[] = [];
  for (const { role, path: named } of deriveOutputs(reading, family)) {
    if (named.endsWith('/')) {
      return { reason: 'output-special', detail: named };
    }
    const spelled = absolutePath(cwd, named);
    const place = outputPlace(spelled);
    if ('wrong' in place) {
      return { reason: place.wrong, detail: named };
    }
    if (checkClientPath(place.path, []) !== undefined) {
      return { reason: 'path-reserved', detail: named };
    }
    if (!mayWrite(place.path)) {
      return { reason: 'output-read-only', detail: named };
    }
    if (place.path === source || files.some(file => file.path === place.path)) {
      return { reason: 'output-clash', detail: named };
    }
    files.push({ role, path: place.path, spelled });
  }
  return { files };
};
