/**
 * Steps 1 and 2 of a job: may this person run this command here? Decided by the policy and the options table, and in the
 * log before anybody hears the answer.
 *
 * @module
 */
import { checkArgv, checkEnvironment } from '../../policy/options/index.ts';
import type { Decision, OptionFinding } from '../../policy/types.ts';
import { WardError } from '../../protocol/errors.ts';
import type { Probe } from '../../protocol/messages.ts';
import { checkJobPaths, checkNamedPaths } from './check-paths.ts';
import type { JobServices, JobSession, StagedToolchain } from './services.ts';

export interface Authorized {
  readonly decision: Decision;
  readonly toolchain: StagedToolchain;
  /** The decision's number in the log. */
  readonly seq: number;
}

/**
 * @param allowed told of the job's number in the log as soon as it is allowed there: from then on its end belongs there too
 * @throws WardError the refusal: `policy-denied`, `option-refused`, `path-refused`, `toolchain-unknown`, `log-unavailable` …
 */
export async function authorizeJob(probe: Probe, session: JobSession, services: JobServices, allowed: (seq: number) => void): Promise<Authorized> {
  const toolchain = services.toolchain(probe.toolchain);
  const { request, decision } = services.decide(session, {
    action: 'compile',
    project: probe.project,
    toolchain: probe.toolchain,
    language: probe.language,
    optionFindings: commandFindings(probe, toolchain),
  });
  const seq = await services.log.decided(request, decision, session, probe);
  if (decision.verdict === 'deny') {
    throw new WardError(decision.code ?? 'policy-denied', decision.sentence, { rule: decision.rule, at: decision.position });
  }
  allowed(seq);
  if (toolchain === undefined) {
    throw new WardError('toolchain-unknown', `This server does not have the compiler ${probe.compiler} with digest ${probe.toolchain.slice(0, 16)}….`);
  }
  const { withdrawn } = services.toolchain(probe.toolchain) ?? toolchain;
  if (withdrawn !== undefined) throw new WardError('toolchain-unknown', withdrawn);
  return { decision, toolchain, seq };
}

/** What no rule can permit: in arguments, environment or paths. A command for a compiler that is not here is judged as gcc's. */
function commandFindings(probe: Probe, toolchain: StagedToolchain | undefined): OptionFinding[] {
  const includeDirs = toolchain?.includeDirs ?? [];
  const findings = [...checkEnvironment(probe.env), ...checkJobPaths(probe, includeDirs)];
  // clang takes its mode from the name it is called by.
  const [program = ''] = probe.argv;
  if (toolchain !== undefined && program !== toolchain.name) {
    findings.push({ code: 'option-refused', option: program, message: `The command calls ${JSON.stringify(program)}, not the compiler ${toolchain.name}.` });
  }
  const options = checkArgv(probe.argv, toolchain?.family ?? 'gcc');
  if (options.ok) findings.push(...checkNamedPaths(options.paths, probe.cwd, includeDirs));
  else findings.push({ code: options.code, option: options.option, message: options.sentence });
  return findings;
}
