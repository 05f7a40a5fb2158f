/**
 * A make in one process: so many jobs at once, each asked of the agent in the launcher's own words, without a process a job. What the
 * agent answers is read to its end and thrown away.
 *
 * @module
 */
import { connect } from 'node:net';
import { encodeRequest } from '../../client/agent/launcher-protocol.ts';
import type { LauncherRequest } from '../../client/agent/types.ts';

/** The frame that ends an answer, and what stands in it. */
interface Ending {
  /** `D` the compiler's end, `L` run it yourself, `X` refused. */
  readonly type: string;
  readonly payload: Buffer;
}

/** The last frame of an answer. */
const endingOf = (answer: Buffer): Ending | undefined => {
  let ending: Ending | undefined;
  for (let at = 0; at + 5 <= answer.length;) {
    const length = answer.readUInt32LE(at + 1);
    ending = { type: String.fromCharCode(answer[at]!), payload: answer.subarray(at + 5, at + 5 + length) };
    at += 5 + length;
  }
  return ending;
};

/** @throws Error with the agent's words when the job was not done by a server */
export const askAgent = (socketPath: string, request: LauncherRequest): Promise<void> =>
  new Promise((resolve, reject) => {
    const socket = connect(socketPath, () => socket.write(encodeRequest(request)));
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.once('error', reject);
    socket.once('end', () => {
      socket.end();
      const { type, payload } = endingOf(Buffer.concat(chunks)) ?? { type: 'none', payload: Buffer.alloc(0) };
      if (type === 'D' && payload.readUInt32LE(0) === 0 && payload.readUInt32LE(4) === 0) resolve();
      else reject(new Error(`the agent's answer was ${type}: ${payload.toString('utf8', 4)}`));
    });
  });

/** Does all the jobs, `atOnce` at a time. Returns what those that failed threw. */
export const doAll = async (count: number, atOnce: number, one: (index: number) => Promise<void>): Promise<unknown[]> => {
  let next = 0;
  const failures: unknown[] = [];
  const worker = async (): Promise<void> => {
    while (next < count) await one(next++).catch((thrown: unknown) => failures.push(thrown));
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, count) }, worker));
  return failures;
};
