/**
 * Asks the agent: what wardctl uses. The agent is started, by the launcher, when a command needs one.
 *
 * @module
 */
import { spawn } from 'node:child_process';
import { closeSync, existsSync } from 'node:fs';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import { isErrorCode, WardError } from '../../protocol/errors.ts';
import { loadClientConfig } from '../config.ts';
import type { ControlAnswers, ControlRequest } from './control.ts';
import { controlMagic } from './launcher-protocol.ts';
import { buildId, configurationPath, openMeetingPlace } from './place.ts';
import { StatsFile } from './stats-file.ts';

/** Largest answer that is accepted. */
const maxAnswerBytes = 64 * 1024 * 1024;

/** Path of the launcher of this build. */
export const launcherPath = (): string => {
  const places = ['../../bin/wardcc', '../../dist/bin/wardcc'].map((place) => fileURLToPath(new URL(place, import.meta.url)));
  const found = places.find((place) => existsSync(place));
  if (found === undefined) throw new WardError('config-invalid', `The launcher is not built: there is no ${places.join(' or ')}.`);
  return found;
};

const choosing = /^(?:WARDCC_|KRB5|SSH_AUTH_SOCK$)/;

/** The caller's variables that choose hosts and credentials. */
export const choosingVariables = (env: NodeJS.ProcessEnv): Record<string, string> =>
  Object.fromEntries(
    Object.entries(env).filter((pair): pair is [string, string] => pair[1] !== undefined && choosing.test(pair[0])),
  );

const startAgent = (): Promise<void> =>
  new Promise((resolve, reject) => {
    const child = spawn(launcherPath(), ['--start-agent'], { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve();
      else reject(new WardError('connect-failed', `The agent cannot be started: ${said.trim()}`));
    });
  });

const exchange = (path: string, request: ControlRequest): Promise<unknown> =>
  new Promise((resolve, reject) => {
    const socket = connect(path);
    const chunks: Buffer[] = [];
    let received = 0;
    socket.once('error', reject);
    socket.once('connect', () => {
      const body = Buffer.from(JSON.stringify(request));
      const header = Buffer.alloc(8);
      header.write(controlMagic, 'latin1');
      header.writeUInt32LE(body.length, 4);
      socket.write(Buffer.concat([header, body]));
    });
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      received += chunk.length;
      if (received > maxAnswerBytes) socket.destroy(new WardError('protocol-violation', 'The agent answered too much.'));
    });
    socket.once('end', () => {
      const answer = Buffer.concat(chunks);
      const isWhole = answer.length >= 4 && answer.readUInt32LE(0) === answer.length - 4;
      if (isWhole) resolve(JSON.parse(answer.toString('utf8', 4)));
      else reject(new WardError('session-lost', 'The agent ended before it answered.'));
    });
  });

const isAbsent = (error: unknown): boolean => ['ENOENT', 'ECONNREFUSED'].includes((error as NodeJS.ErrnoException).code ?? '');

const answerOf = <C extends ControlRequest['command']>(answer: unknown): ControlAnswers[C] => {
  const error = (answer as { error?: { code: string; message: string; at?: string } }).error;
  if (error === undefined) return answer as ControlAnswers[C];
  throw new WardError(isErrorCode(error.code) ? error.code : 'internal', error.message, error.at === undefined ? {} : { at: error.at });
};

/**
 * Asks the agent of this environment. Without an agent: undefined, or with `start` one is started first.
 * @throws WardError what the agent answered, or `connect-failed`
 */
export const askAgent = async <R extends ControlRequest>(
  request: R, { start = false, env = process.env }: { start?: boolean; env?: NodeJS.ProcessEnv } = {},
): Promise<ControlAnswers[R['command']] | undefined> => {
  const place = openMeetingPlace({ ...env, WARDCC_CONFIG: configurationPath(env) }, buildId());
  try {
    return answerOf<R['command']>(await exchange(place.file('sock'), request));
  } catch (error) {
    if (!isAbsent(error)) throw error;
    if (!start) return undefined;
    await startAgent();
    return answerOf<R['command']>(await exchange(place.file('sock'), request));
  } finally {
    closeSync(place.descriptor);
  }
};

/** What agents of this environment keep, for when there is none, and the cache directory it lies in. @throws WardError `config-invalid` */
export const keptByAgents = async (env: NodeJS.ProcessEnv = process.env): Promise<{ stats: StatsFile; cacheDirectory: string }> => {
  const { cache: { directory } } = await loadClientConfig(env);
  const place = openMeetingPlace({ ...env, WARDCC_CONFIG: configurationPath(env) }, buildId());
  closeSync(place.descriptor);
  return { stats: new StatsFile(directory, place), cacheDirectory: directory };
};
