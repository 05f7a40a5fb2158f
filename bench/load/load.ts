/**
 * Starts a load on a server, and asks it to work.
 *
 * @module
 */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { endChild } from '../contenders/daemon.ts';

export interface Load {
  /** Asks for cached results for so long. Returns how many came, and how many were not cached. */
  work(ms: number): Promise<{ readonly hits: number; readonly others: number }>;
  end(): Promise<void>;
}

const main = fileURLToPath(new URL('main.ts', import.meta.url));

/**
 * @param env of the client
 * @param hosts one session each
 */
export const startLoad = async (env: NodeJS.ProcessEnv, sources: string, hosts: readonly string[]): Promise<Load> => {
  const child = spawn(process.execPath, [main, sources, ...hosts], { env, stdio: ['pipe', 'pipe', 'pipe'] });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => { said = (said + text).slice(-2000); });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<unknown> => {
    const { value, done } = await lines.next();
    if (done === true) throw new Error(`the load ended: ${said.trim()}`);
    return JSON.parse(value) as unknown;
  };
  try {
    await next();
  } catch (thrown) {
    await endChild(child);
    throw thrown;
  }
  return {
    work: async (ms) => {
      child.stdin.write(`${ms}\n`);
      return await next() as { hits: number; others: number };
    },
    end: () => endChild(child),
  };
};
