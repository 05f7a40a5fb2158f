import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import test from 'ava';
import { freePort, freePorts } from '../../../ctl/dev/ports.ts';

test('a port is free at its address, and none that the kernel gives to whoever asks for any', async (t) => {
  const addresses = ['127.0.0.1', '127.0.0.2', '127.0.0.3'];
  const ports = await freePorts(addresses);
  const [lowest = 0] = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').split('\t').map(Number);
  for (const [index, port] of ports.entries()) {
    const server = createServer().listen(port, addresses[index]);
    await once(server, 'listening');
    server.close();
    t.true(port >= 20_000 && port < 32_768);
    t.true(port < lowest || lowest < 32_768, `the kernel gives ${lowest} and more`);
  }
});

test('an address that is not this machine\'s has none', async (t) => {
  await t.throwsAsync(freePort('192.0.2.1'), { code: 'EADDRNOTAVAIL' });
});
