/**
 * Where results lie that were made elsewhere. A job's home is asked first by everybody who has the job; when another server did it,
 * the client leaves the word of that server's keeper at home, and home sends the next one there. Only who works in the domain of the result
 * may leave it, only a keeper of the farm file is believed, and it is found only by who asks for the very same action, in which
 * the domain is a part: so a pointer can neither tell anybody of what is not his nor lead him astray for more than one question.
 *
 * @module
 */
import type { Farm } from '../../policy/farm.ts';
import { verifyResult } from '../../policy/log/checkpoint.ts';
import { toWardError, WardError } from '../../protocol/errors.ts';
import type { Pointer } from '../../protocol/messages.ts';
import type { Stream } from '../../protocol/channel.ts';
import { claimOf } from '../../protocol/statement.ts';
import { cacheDomain } from './action.ts';
import type { JobSession } from './services.ts';

/** Some 250 bytes each. */
const mostPointers = 50_000;

type Teller = Pick<JobSession, 'domains' | 'committer'>;

export class Pointers {
  readonly #server: string;
  readonly #farm: () => Pick<Farm, 'epoch' | 'servers'> | undefined;
  readonly #most: number;
  /** Action → server, in the order of last use. */
  readonly #places = new Map<string, string>();

  /** @param farm the farm file in force; undefined: there is nobody whose word counts, and nothing is kept */
  constructor(server: string, farm: () => Pick<Farm, 'epoch' | 'servers'> | undefined, most = mostPointers) {
    this.#server = server;
    this.#farm = farm;
    this.#most = most;
  }

  /** Attacker-controlled. @throws WardError `policy-denied`, `result-untrusted` */
  keep({ statement, key, signature }: Pointer, teller: Teller): void {
    const farm = this.#farm();
    if (farm === undefined) return;
    const claim = claimOf(statement);
    const publicKey = claim === undefined ? undefined : farm.servers.get(claim.server)?.resultKeys.get(key);
    if (claim === undefined || publicKey === undefined || claim.epoch < farm.epoch || !verifyResult(statement, signature, publicKey)) {
      throw new WardError('result-untrusted', 'A pointer is not signed by a keeper of this farm.');
    }
    const { server, action, domain } = claim;
    if (!mayUse(teller, domain)) throw new WardError('policy-denied', 'A pointer names a cache domain in which this session has no work.');
    if (server === this.#server) return;
    this.#use(action, server);
    if (this.#places.size > this.#most) this.#places.delete(this.#places.keys().next().value!);
  }

  /** Name of the server that has the result of an action, or had it. */
  find(action: string): string | undefined {
    const server = this.#places.get(action);
    if (server !== undefined) this.#use(action, server);
    return server;
  }

  #use(action: string, server: string): void {
    this.#places.delete(action);
    this.#places.set(action, server);
  }
}

const mayUse = ({ domains, committer }: Teller, domain: string): boolean =>
  domains.has(domain) || [...domains].some((each) => cacheDomain({ cache: 'own', domain: each }, committer) === domain);

/** Takes a pointer, or says why not; either way the stream is over. */
export function receivePointer(stream: Stream, pointer: Pointer, session: Teller, pointers: Pointers): void {
  try {
    pointers.keep(pointer, session);
    void stream.write(Buffer.alloc(0), { end: true });
  } catch (thrown) {
    stream.reset(toWardError(thrown));
  }
}
