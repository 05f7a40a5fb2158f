/**
 * Ends the agents of a throwaway farm: asked over their control sockets first, then made sure of.
 *
 * @module
 */
import { readFileSync, readdirSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { endProcesses, startedWith, whenGone, type ProcessRecord } from './processes.ts';

const answerMs = 2_000;

/** Sends one control message: `WCJ1`, length, JSON. Resolves when the agent hangs up, answers, or does neither for a while. */
const tellToStop = (socketPath: string): Promise<void> =>
  new Promise((resolve) => {
    const message = Buffer.from(JSON.stringify({ command: 'stop' }));
    const head = Buffer.from('WCJ1\0\0\0\0', 'latin1');
    head.writeUInt32LE(message.length, 4);
    const socket = connect(socketPath, () => socket.write(Buffer.concat([head, message])));
    socket.setTimeout(answerMs, () => socket.destroy());
    socket.on('data', () => socket.destroy());
    socket.on('error', () => undefined);
    socket.once('close', () => resolve());
  });

const agentSockets = (runtime: string): string[] => {
  try {
    return readdirSync(runtime).filter((name) => name.startsWith('agent-') && name.endsWith('.sock')).map((name) => join(runtime, name));
  } catch {
    return [];
  }
};

/** The agents whose sockets lie in the directory. Its name is in their environment; a shell that sourced env.sh has it too but is no agent. */
export const agentsOf = (runtime: string): ProcessRecord[] => startedWith(`WARDCC_RUNTIME_DIR=${runtime}`).filter(({ pid }) => isAgent(pid));

/** Ends every agent whose sockets lie in the directory, and removes the sockets. */
export const endAgents = async (runtime: string): Promise<void> => {
  const sockets = agentSockets(runtime);
  await Promise.all(sockets.map(tellToStop));
  const agents = agentsOf(runtime);
  if (!(await whenGone(agents, answerMs))) await endProcesses(agents, answerMs);
  for (const socket of sockets) rmSync(socket, { force: true });
};

const isAgent = (pid: number): boolean => commandOf(pid).some((word) => /(^|\/)(wardcc-agent|client\/agent\/main\.(js|ts))$/.test(word));

const commandOf = (pid: number): string[] => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return [];
  }
};
