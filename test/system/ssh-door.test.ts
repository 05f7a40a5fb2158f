/**
 * The socket of the SSH bridges, as the kernel guards it between accounts. Needs root to be several of them.
 *
 * @module
 */
import { chmod } from 'node:fs/promises';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { ensureAccount } from '../../ctl/dev/stage.ts';
import { SshListener } from '../../server/front/ssh-listener.ts';
import { encodePreface, type SshLogin } from '../../server/ssh-bridge/preface.ts';
import { upgradeRequest } from '../fixtures/ssh-door.ts';
import { temporaryDirectory } from '../fixtures/temporary.ts';

const execute = promisify(execFile);

const speak = `
const socket = require('net').connect(process.argv[1], () => socket.write(Buffer.from(process.argv[2], 'base64')));
let answer = '';
socket.on('data', (chunk) => { answer += chunk; socket.end(); });
socket.on('error', () => {});
socket.on('close', () => console.log(answer.split('\\r\\n')[0]));
`;

test('a preface forged by another account, root included, is not heard; the bridge\'s is', async (t) => {
  const directory = await temporaryDirectory(t);
  await chmod(directory, 0o711);
  const account = await ensureAccount();
  const path = join(directory, 'ssh.sock');
  const [logins, refused]: [SshLogin[], string[]] = [[], []];
  const listener = new SshListener({ path, bridgeUid: account.uid, connections: { total: 8, perAddress: 8 } }, {
    connection: (socket, login) => { logins.push(login); socket.close(); },
    refused: (_address, why) => refused.push(why),
  });
  await listener.listen();
  t.teardown(() => listener.close());
  const login = { address: '10.0.0.1', methods: [{ method: 'gssapi-with-mic', value: 'alice@CORP.EXAMPLE' }] };
  const bytes = Buffer.concat([encodePreface(login), Buffer.from(upgradeRequest)]).toString('base64');
  const as = async (...who: string[]): Promise<string> =>
    (await execute('setpriv', [...who, '--clear-groups', process.execPath, '-e', speak, path, bytes], { cwd: '/', timeout: 20_000 }))
      .stdout.trim();
  t.is(await as('--reuid', '65534', '--regid', '65534'), '');
  t.is(await as(), '');
  t.is(await as('--regid', String(account.gid)), '');
  t.deepEqual([logins, refused], [[], Array<string>(3).fill('not the account of the SSH bridge')]);
  t.is(await as('--reuid', String(account.uid), '--regid', String(account.gid)), 'HTTP/1.1 101 Switching Protocols');
  t.deepEqual(logins, [login]);
});
