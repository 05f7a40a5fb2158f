/**
 * The real agent with another job: what becomes of a compile is told by the launcher's own variable WARDCC_TEST.
 *
 * @module
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { runAgent } from '../../../client/agent/agent.ts';
import { LocalSlots } from '../../../client/agent/local-slots.ts';
import type { FarmView } from '../../../client/agent/farm-view.ts';
import type { JobOutcome } from '../../../client/agent/types.ts';
import { Alarms } from '../../../client/verify/alarms.ts';
import { Verification } from '../../../client/verify/verification.ts';
import { WardError, type ErrorCode } from '../../../protocol/errors.ts';

/** What the test wants: outputs, texts and status of a remote job, or another outcome. */
export interface Script {
  how?: JobOutcome['how'];
  outputs?: { path: string; mode?: number; text?: string; bytes?: number }[];
  stdout?: string;
  stderr?: string;
  /** More text than fits into the environment. */
  stdoutBytes?: number;
  stderrBytes?: number;
  code?: number;
  signal?: number;
  reason?: string;
  message?: string;
  exit?: number;
  unlimited?: boolean;
  /** Throw this error after the outputs. */
  error?: ErrorCode;
  /** Wait until this file exists, after the outputs were sent. */
  until?: string;
  /** Print the request, as JSON. */
  echo?: boolean;
  /** End the agent's process after the outputs were sent. */
  crash?: boolean;
}

const { values: options } = parseArgs({
  options: {
    'idle-ms': { type: 'string', default: '60000' },
    'build-id': { type: 'string', default: 'test' },
    slots: { type: 'string', default: '2' },
    fallback: { type: 'string', default: 'infra' },
    locked: { type: 'boolean', default: false },
    'start-ms': { type: 'string', default: '0' },
  },
});

const farm: FarmView = {
  settings: { fallback: options.fallback as 'infra', locked: options.locked },
  localSlots: undefined,
  whoami: async (env) => ({
    principal: `cert:${env['WARDCC_NAME'] ?? 'alice'}`, committer: 'alice', mechanism: 'cert', server: 'farm1', expires: 0,
  }),
  hosts: async () => [{ name: 'farm1', state: 'connected', slots: 4, running: 1 }],
  ping: async () => {
    throw new WardError('no-server');
  },
  close: async () => {},
};

await runAgent({
  build: options['build-id'],
  idleMs: Number(options['idle-ms']),
  createServices: async () => {
    await sleep(Number(options['start-ms']));
    const slots = new LocalSlots(Number(options.slots));
    const directory = join(process.env['HOME'] ?? '/nonexistent', 'verify');
    const compile = (): Promise<never> => Promise.reject(new WardError('no-server'));
    const verification = new Verification({ farm: { compile }, slots, alarms: new Alarms(directory), directory });
    const cacheDirectory = join(process.env['HOME'] ?? '/nonexistent', '.cache/wardcc');
    return { cacheDirectory, localSlots: slots, farm, provenance: { local: () => {}, close: async () => {} }, verification, warmUp: { run: async () => {}, remember: () => {} } };
  },
  runJob: async (request, _services, reply, signal) => {
    const script = JSON.parse(request.env['WARDCC_TEST'] ?? '{}') as Script;
    for (const { path, mode = 0o666, text, bytes = 0 } of script.outputs ?? []) {
      reply.output(path, mode, text === undefined ? Buffer.alloc(bytes, 'x') : Buffer.from(text));
    }
    if (script.crash === true) setTimeout(() => process.exit(1), 20);
    while (script.crash === true || (script.until !== undefined && !existsSync(script.until))) {
      signal.throwIfAborted();
      await sleep(10);
    }
    if (script.error !== undefined) throw new WardError(script.error);
    if (script.echo === true) reply.stdout(Buffer.from(JSON.stringify(request)));
    if (script.stdout !== undefined) reply.stdout(Buffer.from(script.stdout));
    if (script.stdoutBytes !== undefined) reply.stdout(Buffer.alloc(script.stdoutBytes, 'x'));
    if (script.stderrBytes !== undefined) reply.stderr(Buffer.alloc(script.stderrBytes, 'e'));
    if (script.stderr !== undefined) reply.stderr(Buffer.from(script.stderr));
    reply.done({ code: script.code ?? 0, signal: script.signal ?? 0 });
    const { how = 'remote', reason, message, exit, unlimited } = script;
    return {
      how, ms: 1, ...(how === 'local' ? {} : { server: 'farm1' }),
      ...(reason === undefined ? {} : { reason }), ...(message === undefined ? {} : { message }), ...(exit === undefined ? {} : { exit }),
      ...(unlimited === undefined ? {} : { unlimited }),
    };
  },
});
