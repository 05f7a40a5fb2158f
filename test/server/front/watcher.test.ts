import test from 'ava';
import { setTimeout as pause } from 'node:timers/promises';
import { CommitterSource } from '../../../policy/committers/source.ts';
import type { ServerConfig } from '../../../server/config.ts';
import type { PolicyHolder } from '../../../server/front/policy-holder.ts';
import { Watcher, type WatcherEvents } from '../../../server/front/watcher.ts';

const pollMs = 3_000;
const readingMs = 2_500;

test('a source that takes long to answer is asked as often as one that does not', async (t) => {
  const begun: number[] = [];
  const reader = {
    kind: 'slow', files: [], pollMs,
    async read() {
      begun.push(performance.now());
      await pause(begun.length === 1 ? 0 : readingMs);
      return { revision: 'one', has: () => true, names: undefined };
    },
  };
  const source = await CommitterSource.open({ id: 'slow', position: 'policy.jsonc:1:1', reader, staleSeconds: 60 });
  const current = { digest: '', committers: { nextChange: () => undefined } };
  const policy = { file: '/nonexistent/policy.jsonc', sources: [source], problem: undefined, current, reload: async () => undefined };
  const nothing = (): undefined => undefined;
  const events: WatcherEvents = {
    changed: nothing, tls: () => [], keytab: nothing, krl: nothing, farm: async () => undefined, policy: nothing, committers: nothing, trouble: nothing,
  };
  const watcher = new Watcher({ tls: {} } as unknown as ServerConfig, policy as unknown as PolicyHolder, events);
  watcher.start();
  t.teardown(() => watcher.stop());
  while (begun.length < 4) await pause(50);
  const [, second = 0, third = 0, fourth = 0] = begun;
  t.log([third - second, fourth - third]);
  // A look once a second finds that it is time.
  for (const gap of [third - second, fourth - third]) t.true(gap < pollMs + readingMs, `${gap} ms`);
});
