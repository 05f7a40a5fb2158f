/**
 * `wardctl policy`: checks a policy and asks it questions. Exit status: 0 yes or in order, 1 broken input, 2 no or findings.
 *
 * @module
 */
import { Command, Option } from 'commander';
import { explain } from '../policy/decide.ts';
import { formatFinding, type Finding } from '../policy/jsonc.ts';
import { checkPolicyFile, loadPolicy } from '../policy/load.ts';
import { parsePrincipal } from '../policy/principal.ts';
import { policySchema } from '../policy/schema.ts';
import { judge, whoCan, type Question } from '../policy/who-can.ts';
import type { Policy, Principal } from '../policy/types.ts';
import { WardError } from '../protocol/errors.ts';
import { print, printable, printJson, table } from './output.ts';

const defaultPolicy = '/etc/wardcc/policy.jsonc';
const no = 2;

interface QuestionOptions {
  readonly policy: string;
  readonly as?: string;
  readonly project?: string;
  readonly compiler?: string;
  readonly language?: string;
  readonly json?: boolean;
}

/** The sub-program `policy`. */
export const policyCommand = (): Command => {
  const command = new Command('policy').description('check a policy, and ask it who may do what');
  for (const subcommand of [check(), canI(), explainCommand(), whoCanCommand(), schema()]) command.addCommand(subcommand);
  return command;
};

const check = (): Command =>
  new Command('check')
    .description('say all that is wrong with a policy')
    .argument('[file]', 'policy file', defaultPolicy)
    .addOption(new Option('--fail-level <level>', 'what makes the exit status 2').choices(['error', 'warning']).default('error'))
    .option('--json', 'print JSON')
    .action(async (file: string, { failLevel, json }: { failLevel: Finding['severity']; json?: boolean }) => {
      const { broken, findings, policy } = await checkPolicyFile(file);
      const failed = findings.some(({ severity }) => severity === 'error' || failLevel === 'warning');
      if (json === true) printJson({ ok: !failed, broken, file, serial: policy?.serial, digest: policy?.digest, findings });
      else {
        for (const finding of findings) print(printable(formatFinding(finding)));
        if (policy !== undefined) print(printable(summary(policy, failed)));
      }
      if (broken) process.exitCode = 1;
      else if (failed) process.exitCode = no;
    });

const summary = ({ file, serial, digest, rules, committers }: Policy, failed: boolean): string => {
  const { names } = committers;
  const people = names === undefined ? 'committers that cannot be counted' : `${names.length} committers`;
  return `${file}: ${failed ? 'findings' : 'OK'}, serial ${serial}, ${rules.length} rules, ${people}, digest ${digest}`;
};

const withQuestion = (command: Command): Command =>
  command
    .addOption(new Option('--policy <file>', 'policy file').default(defaultPolicy))
    .option('--project <name>', 'project that the job is for; without it, one that no rule names')
    .option('--compiler <digest>', 'toolchain as sha256:…, or the path of a compiler here; without it, one that no rule names')
    .option('--language <language>', 'language as gcc -x names it')
    .option('--json', 'print JSON');

const action = (text: string): Question['action'] => {
  if (text === 'compile' || text === 'connect') return text;
  throw new WardError('usage', `${JSON.stringify(text)} is nothing that a policy decides: compile or connect.`);
};

const principal = (text: string | undefined): Principal => {
  const parsed = text === undefined ? undefined : parsePrincipal(text);
  if (parsed === undefined)
    throw new WardError(
      'usage',
      `--as needs a principal: krb5:NAME@REALM, cert:NAME or ssh:NAME${text === undefined ? '' : `, not ${JSON.stringify(text)}`}.`,
    );
  return parsed;
};

const toolchain = async (text: string): Promise<string> => {
  const digest = /^(?:sha256:)?([0-9a-f]{64})$/.exec(text)?.[1];
  if (digest !== undefined) return digest;
  if (!text.startsWith('/'))
    throw new WardError('usage', `--compiler takes sha256: and 64 hex digits, or an absolute path, not ${JSON.stringify(text)}.`);
  const { describeToolchain } = await import('../toolchain/describe.ts');
  return (await describeToolchain(text)).digest;
};

const question = async (text: string, { project, compiler, language }: QuestionOptions): Promise<Question> => ({
  action: action(text),
  ...(project === undefined ? {} : { project }),
  ...(compiler === undefined ? {} : { toolchain: await toolchain(compiler) }),
  ...(language === undefined ? {} : { language }),
});

/** A principal that stands for nobody is a "no" with its reason, like any other. */
const judgeOrRefuse = (
  policy: Policy,
  who: Principal,
  asked: Question,
): { committer?: string; verdict: 'allow' | 'deny'; code?: string; rule: string; position: string; sentence: string } & Partial<
  ReturnType<typeof judge>
> => {
  try {
    const { committer, request, decision } = judge(policy, who, asked);
    return { committer, request, ...decision, decision };
  } catch (thrown) {
    if (!(thrown instanceof WardError) || thrown.code !== 'identity-unknown') throw thrown;
    return { verdict: 'deny', code: thrown.code, rule: thrown.rule ?? 'identities', position: thrown.at ?? '', sentence: thrown.message };
  }
};

const source = ({ file, serial, digest, committers }: Policy): object => ({
  policy: { file, serial, digest },
  committers: committers.revision,
});

const canI = (): Command =>
  withQuestion(
    new Command('can-i')
      .description('may this principal do that? exit status 0 yes, 2 no')
      .argument('<action>', 'compile or connect')
      .requiredOption('--as <principal>', 'such as krb5:alice@CORP.EXAMPLE'),
  ).action(async (text: string, options: QuestionOptions) => {
    const who = principal(options.as);
    const asked = await question(text, options);
    const policy = await loadPolicy(options.policy);
    const { request: _, decision: __, ...answer } = judgeOrRefuse(policy, who, asked);
    if (options.json === true) printJson({ allowed: answer.verdict === 'allow', as: options.as, ...asked, ...answer, ...source(policy) });
    else print(printable(`${answer.verdict === 'allow' ? 'yes' : 'no'}: ${answer.position} ${answer.rule}: ${answer.sentence}`));
    if (answer.verdict === 'deny') process.exitCode = no;
  });

const explainCommand = (): Command =>
  withQuestion(
    new Command('explain')
      .description('go through the rules for one request, in order, and say why each applies or not')
      .argument('<action>', 'compile or connect')
      .requiredOption('--as <principal>', 'such as krb5:alice@CORP.EXAMPLE'),
  ).action(async (text: string, options: QuestionOptions) => {
    const who = principal(options.as);
    const asked = await question(text, options);
    const policy = await loadPolicy(options.policy);
    const { request, decision: _, ...answer } = judgeOrRefuse(policy, who, asked);
    const rules = request === undefined ? [] : explain(policy, request);
    if (options.json === true)
      printJson({
        allowed: answer.verdict === 'allow',
        as: options.as,
        ...asked,
        ...answer,
        isCommitter: request?.isCommitter,
        sources: request?.sources,
        rules,
        ...source(policy),
      });
    else {
      print(
        printable(`${options.as} stands for ${printedStanding(answer.committer, request?.isCommitter)} (${policy.committers.revision})`),
      );
      if (rules.length > 0)
        print(
          table(
            rules.map(({ rule, effect, position, applies, why }) => [
              applies ? 'applies' : '-',
              effect,
              printable(rule),
              position,
              printable(why),
            ]),
          ),
        );
      print(printable(`${answer.verdict === 'allow' ? 'yes' : 'no'}: ${answer.position} ${answer.rule}: ${answer.sentence}`));
    }
    if (answer.verdict === 'deny') process.exitCode = no;
  });

const printedStanding = (committer: string | undefined, isCommitter: boolean | undefined): string => {
  if (committer === undefined) return 'nobody';
  return `${committer}, ${isCommitter === true ? 'a committer' : 'no committer'}`;
};

const whoCanCommand = (): Command =>
  withQuestion(
    new Command('who-can').description('list who may do that; exit status 2 if nobody').argument('<action>', 'compile or connect'),
  ).action(async (text: string, options: QuestionOptions) => {
    const asked = await question(text, options);
    const policy = await loadPolicy(options.policy);
    const { abilities, complete } = whoCan(policy, asked);
    const able = abilities.filter(({ decision }) => decision.verdict === 'allow');
    if (options.json === true) {
      const rows = able.map(({ committer, as, decision: { rule, position } }) => ({ committer, as, rule, position }));
      printJson({ ...asked, who: rows, complete, ...source(policy) });
    } else {
      if (able.length > 0)
        print(table(able.map(({ committer, as, decision }) => [printable(committer), as, decision.rule, decision.position])));
      else print('nobody');
      if (!complete) print('and whoever else the committer sources know: one of them cannot list its people');
    }
    if (able.length === 0 && complete) process.exitCode = no;
  });

const schema = (): Command =>
  new Command('schema').description('print the JSON Schema of a policy, for editors').action(() => printJson(policySchema));
