/**
 * A network of network namespaces: a switch, and one namespace for each machine with an address of its own. Nothing of it shows in the
 * network of this machine, and all of it is gone with `close`. Needs root.
 *
 * @module
 */
import { join } from 'node:path';
import { run } from '../../ctl/dev/command.ts';

const ip = async (...words: readonly string[]): Promise<string> => run('ip', words);

/** One machine's place in the network. */
export class Machine {
  readonly namespace: string;
  readonly address: string;
  /** A command that enters the namespace and becomes the command after it. The mount namespace stays the same. */
  readonly inside: readonly string[];
  readonly #switch: string;
  readonly #port: string;

  constructor(namespace: string, address: string, theSwitch: string, port: string) {
    this.namespace = namespace;
    this.address = address;
    this.inside = ['nsenter', `--net=${join('/run/netns', namespace)}`, '--'];
    this.#switch = theSwitch;
    this.#port = port;
  }

  /** Pulls the cable out: nobody is told anything. */
  async cut(): Promise<void> {
    await ip('-n', this.#switch, 'link', 'set', this.#port, 'down');
  }

  async mend(): Promise<void> {
    await ip('-n', this.#switch, 'link', 'set', this.#port, 'up');
  }
}

export class Network {
  /** With this begins the name of every namespace. */
  readonly name: string;
  readonly #namespaces: string[] = [];

  private constructor(name: string) {
    this.name = name;
  }

  /** A network without machines. @throws WardError `dev-failed` */
  static async open(name: string): Promise<Network> {
    const network = new Network(name);
    const theSwitch = await network.#addNamespace('switch');
    await ip('-n', theSwitch, 'link', 'add', 'bridge', 'type', 'bridge');
    await ip('-n', theSwitch, 'link', 'set', 'bridge', 'up');
    return network;
  }

  /** Plugs in a machine; `number` is from 1 to 250. */
  async add(machine: string, number: number): Promise<Machine> {
    const [theSwitch] = this.#namespaces as [string];
    const namespace = await this.#addNamespace(machine);
    const address = `10.77.0.${number}`;
    await ip('-n', theSwitch, 'link', 'add', machine, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', namespace);
    await ip('-n', theSwitch, 'link', 'set', machine, 'master', 'bridge', 'up');
    await ip('-n', namespace, 'address', 'add', `${address}/24`, 'dev', 'eth0');
    for (const device of ['lo', 'eth0']) await ip('-n', namespace, 'link', 'set', device, 'up');
    return new Machine(namespace, address, theSwitch, machine);
  }

  async close(): Promise<void> {
    for (const namespace of this.#namespaces.splice(0).reverse()) await ip('netns', 'delete', namespace);
  }

  async #addNamespace(machine: string): Promise<string> {
    const namespace = `${this.name}-${machine}`;
    await ip('netns', 'add', namespace);
    this.#namespaces.push(namespace);
    return namespace;
  }
}

/** Names of the namespaces there are that begin so. */
export const namespacesOf = async (name: string): Promise<string[]> =>
  (await ip('netns', 'list')).split('\n').map((line) => line.split(' ')[0]!).filter((namespace) => namespace.startsWith(`${name}-`));
