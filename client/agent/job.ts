/**
 * The life of one job, as the agent sees it.
 *
 * @module
 */
import type { AgentServices, JobOutcome, LauncherReply, LauncherRequest } from './types.ts';

/** Decides what becomes of a compile. */
export const runJob = async (
  _request: LauncherRequest, _services: AgentServices, _reply: LauncherReply, _signal: AbortSignal,
): Promise<JobOutcome> => ({ how: 'local', reason: 'no-server', ms: 0 });
