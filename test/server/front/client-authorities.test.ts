import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { X509Certificate } from 'node:crypto';
import { initAuthority } from '../../../certs/authority.ts';
import { WardError } from '../../../protocol/errors.ts';
import { ClientAuthorities } from '../../../server/front/authenticate-cert.ts';
import { temporaryDirectory } from '../../fixtures/temporary.ts';

test('the list of a CA that was away for a while does not come back older', async (t) => {
  const directory = await temporaryDirectory(t);
  const ca = await initAuthority(join(directory, 'ca'), { dev: true });
  const partner = await initAuthority(join(directory, 'partner'), { dev: true, name: 'Partner CA' });
  const [clientCa, crl] = [join(directory, 'ca.pem'), join(directory, 'crl.pem')];
  const install = (...lists: string[]): void => writeFileSync(crl, lists.join(''), { mode: 0o600 });
  writeFileSync(clientCa, ca.caPem + partner.caPem, { mode: 0o600 });

  const { certPem } = await partner.issueUser('carol');
  const carol = new X509Certificate(certPem);
  const own = await ca.writeCrl();
  const before = await partner.writeCrl({ notBefore: new Date(Date.now() - 3_600_000) });
  await partner.revoke(carol);
  const after = await partner.writeCrl();

  install(own, after);
  const authorities = new ClientAuthorities({ clientCa, crl });
  t.is(authorities.revocations.check(carol)?.code, 'certificate-revoked');
  install(own);
  authorities.reload();
  t.is(authorities.revocations.check(carol)?.code, 'crl-missing');
  install(own, before);
  const older = { instanceOf: WardError, code: 'config-invalid', message: `${crl}: this revocation list is older than the one in force` };
  t.like(t.throws(() => authorities.reload(), older), { class: 'client', at: crl });
  t.is(authorities.revocations.check(carol)?.code, 'crl-missing');
  install(own, after);
  authorities.reload();
  t.is(authorities.revocations.check(carol)?.code, 'certificate-revoked');
});
