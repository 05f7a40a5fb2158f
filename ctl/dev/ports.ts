/**
 * Addresses and ports for servers that must know theirs before they start.
 *
 * @module
 */
import { createServer, type AddressInfo } from 'node:net';

/**
 * The loopback address of a farm's server, which is its name too: results and Kerberos must tell servers apart by name, and no other
 * name of one machine leads to one of several servers everywhere.
 *
 * @param number from 1
 */
export const serverAddress = (number: number): string => `127.0.${number >> 8}.${number & 0xff}`;

/** TCP ports that were free a moment ago, one of each address. */
export const freePorts = async (addresses: readonly string[]): Promise<number[]> => {
  const servers = await Promise.all(
    addresses.map((address) => new Promise<ReturnType<typeof createServer>>((resolve, reject) => {
      const server = createServer();
      server.once('error', reject);
      server.listen(0, address, () => resolve(server));
    })),
  );
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => void server.close(resolve))));
  return ports;
};

/** One of 127.0.0.1. */
export const freePort = async (): Promise<number> => (await freePorts(['127.0.0.1']))[0]!;
