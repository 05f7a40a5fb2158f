/**
 * Addresses and ports for servers that must know theirs before they start.
 *
 * @module
 */
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * The loopback address of a farm's server, which is its name too: results and Kerberos must tell servers apart by name, and no other
 * name of one machine leads to one of several servers everywhere.
 *
 * @param number from 1
 */
export const serverAddress = (number: number): string => `127.0.${number >> 8}.${number & 0xff}`;

/**
 * Where ports are taken from: below those that the kernel gives to whoever asks for any, so that no connection that is made between the
 * look and the start takes one.
 */
const firstPort = 20_000;
const endOfPorts = 32_768;
const mostTries = 100;

/** TCP ports that were free a moment ago, one of each address. */
export const freePorts = (addresses: readonly string[]): Promise<number[]> => Promise.all(addresses.map((address) => freePort(address)));

/** One of 127.0.0.1, unless another address is given. @throws Error when a hundred tries have found none */
export const freePort = async (address = '127.0.0.1'): Promise<number> => {
  for (let tries = 1; ; tries++) {
    const port = randomInt(firstPort, endOfPorts);
    try {
      await listenBriefly(address, port);
      return port;
    } catch (error) {
      if (tries === mostTries) throw error;
    }
  }
};

const listenBriefly = async (host: string, port: number): Promise<void> => {
  const server = createServer();
  server.listen(port, host);
  await once(server, 'listening');
  server.close();
  await once(server, 'close');
};
