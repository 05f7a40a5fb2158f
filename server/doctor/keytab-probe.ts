/**
 * The keytab: can the server take tickets with it?
 *
 * @module
 */
import { devNull } from 'node:os';
import type { Krb5Config } from '../config.ts';
import { ServiceKeys } from '../front/service-keys.ts';
import { caution, pass, type Finding } from './finding.ts';

/** Reads the keytab as the server does. Throws what the server would refuse to start with. */
export const probeKeytab = (krb5: Krb5Config): Finding => {
  // Nothing is accepted here, so nothing is remembered.
  const keys = new ServiceKeys(krb5, devNull);
  const says = `AES keys of ${keys.principal}`;
  return keys.refused === 0
    ? pass('keytab', says)
    : caution(
        'keytab',
        `${says}, and ${keys.refused} of other kinds that are not used`,
        'Give the service AES keys only, so that no KDC issues other tickets.',
      );
};
