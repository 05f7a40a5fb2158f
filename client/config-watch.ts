/**
 * The configuration of a process that lives longer than its files: read again when a file changes. A file that became wrong is not
 * papered over by the old one: who asks gets the position of the mistake until it is corrected.
 *
 * @module
 */
import { statSync } from 'node:fs';
import { FarmFile } from '../policy/farm-file.ts';
import { toWardError, type WardError } from '../protocol/errors.ts';
import { clientFiles, loadClientConfig, type ClientConfig, type ClientPlaces } from './config.ts';

/** Where a farm gets its configuration from. */
export interface ConfigSource {
  /** @throws WardError `config-invalid` */
  current(): ClientConfig;
  close(): void;
}

const retryMs = 5_000;

const stamp = (path: string): string => {
  try {
    const { dev, ino, size, mtimeMs, ctimeMs } = statSync(path);
    return [dev, ino, size, mtimeMs, ctimeMs].join(' ');
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'error';
  }
};

/** A configuration that never changes. */
export const fixedConfig = (config: ClientConfig): ConfigSource => ({ current: () => config, close: () => {} });

/** Reads the configuration that `env` names, and again within about `everyMs` of a change. Never rejects: `current` throws instead. */
export const watchConfig = async (
  env: Readonly<Record<string, string | undefined>>, places?: ClientPlaces, everyMs = 1000,
): Promise<ConfigSource> => {
  const { user, system } = clientFiles(env, places);
  const farmFile = new FarmFile();
  const files = new Set([user, system]);
  const look = (): string => [...files].map(stamp).join('\n');
  let state: { config: ClientConfig } | { error: WardError };
  /** When a farm file that is broken, while another counts in its place, is looked at again. */
  let again = Infinity;
  const load = async (): Promise<void> => {
    const also = (file: string): void => void files.add(file);
    const loading = loadClientConfig(env, places, { farmFile, also });
    state = await loading.then((config) => ({ config }), (thrown: unknown) => ({ error: toWardError(thrown) }));
    again = 'config' in state && state.config.farm?.problem !== undefined ? performance.now() + retryMs : Infinity;
  };
  let seen = '';
  const lookAndLoad = async (): Promise<void> => {
    const before = look();
    if (before === seen && performance.now() < again) return;
    seen = before;
    await load();
  };
  await lookAndLoad();
  const timer = setInterval(() => void lookAndLoad(), everyMs);
  timer.unref();
  return {
    current: () => {
      if ('error' in state) throw state.error;
      return state.config;
    },
    close: () => clearInterval(timer),
  };
};
