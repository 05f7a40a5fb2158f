/**
 * Where the native addon lies: beside the compiled JavaScript, or in `dist` when the sources run directly.
 *
 * @module
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { WardError } from '../../protocol/errors.ts';

/** @throws WardError `config-invalid` when it is not built */
export const addonPath = (): string => {
  const places = ['../../native/wardcc.node', '../../dist/native/wardcc.node'].map((place) => fileURLToPath(new URL(place, import.meta.url)));
  const found = places.find((place) => existsSync(place));
  if (found === undefined) throw new WardError('config-invalid', `The native parts are not built: there is no ${places.join(' or ')}. Run npm run build.`);
  return found;
};
