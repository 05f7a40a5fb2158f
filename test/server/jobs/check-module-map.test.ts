import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test from 'ava';
import { WardError } from '../../../protocol/errors.ts';
import type { Probe } from '../../../protocol/messages.ts';
import type { TreeEntry } from '../../../protocol/tree.ts';
import { checkModuleMaps } from '../../../server/jobs/check-module-map.ts';
import { Store } from '../../../server/store/store.ts';
import { temporaryDirectory } from '../../fixtures/temporary.ts';

const probeWith = (...words: string[]): Probe => ({ argv: ['/usr/bin/g++', '-fmodules-ts', ...words], cwd: '/w/b' }) as unknown as Probe;

test('a job whose module map names a module, or is not there, is refused', async (t) => {
  const contents = await temporaryDirectory(t);
  const file = (path: string, text: string): TreeEntry => {
    const digest = createHash('sha256').update(text).digest();
    const place = join(contents, Store.fileName(digest.toString('hex')));
    mkdirSync(dirname(place), { recursive: true });
    writeFileSync(place, text);
    return { path, kind: 'file', digest, size: text.length, group: 0 };
  };
  const folders = ['/w', '/w/b'].map((path): TreeEntry => ({ path, kind: 'directory' }));
  const entries = [
    ...folders, file('/w/b/empty.map', '$root .\n'), file('/w/b/names.map', 'm m.gcm\n'), file('/w/up.map', ''), file('/w/b/long.map', ' '.repeat(5000)),
    { path: '/w/b/link.map', kind: 'link', target: 'empty.map' } as const, { path: '/w/l', kind: 'link', target: 'b' } as const,
  ];
  for (const map of ['empty.map', '../up.map', '/w/b/empty.map', '/w/l/empty.map']) await t.notThrowsAsync(checkModuleMaps(probeWith(`-fmodule-mapper=${map}`), entries, contents), map);
  await t.notThrowsAsync(checkModuleMaps(probeWith(), entries, contents));
  for (const map of ['names.map', '/w/l/names.map', 'absent.map', 'long.map', 'link.map', '../b', 'no/such.map']) {
    const error = await t.throwsAsync(checkModuleMaps(probeWith(`-fmodule-mapper=${map}`), entries, contents), { instanceOf: WardError }, map);
    t.is((error as WardError).code, 'option-refused');
    t.regex(error!.message, /is not one that names no module/);
  }
});
