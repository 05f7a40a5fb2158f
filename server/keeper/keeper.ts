/**
 * The keeper: it alone writes the decision log and holds the key that signs results. This is its life, in order.
 *
 *  1. secrets   read or made; nobody else can read them; and the farm file, whose signature must hold
 *  2. lock      one keeper for a log
 *  3. recover   find the end of the chain, move torn bytes aside, compare with the last checkpoint
 *  4. open      say in the log what was found
 *  5. serve     answer the requests of the table in requests.ts, for the front only
 *  6. close     write what is pending, a last checkpoint, give the lock back
 *
 * @module
 */
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { readCheckpoint } from '../../policy/log/checkpoint.ts';
import type { WrittenFarmTrust } from '../../policy/farm-file.ts';
import { WardError } from '../../protocol/errors.ts';
import type { IpcPeer } from '../ipc/peer.ts';
import { AppendLog, type Durability } from './append-log.ts';
import { Checkpoints } from './checkpoints.ts';
import { KeeperFarm } from './keeper-farm.ts';
import { takeLock } from './lock.ts';
import { OpenJobs } from './open-jobs.ts';
import { recoverLog, type Recovered } from './recover.ts';
import { Refusals } from './refusals.ts';
import { RequestGate, type KeeperState } from './requests.ts';
import { openSecrets, type Secrets } from './secrets.ts';

export interface KeeperConfig {
  /** Log directory. */
  readonly directory: string;
  /** Directory of keys and checkpoint, which only the keeper may enter. */
  readonly state: string;
  readonly durability: Durability;
  /** Name of the server, in signatures and checkpoints. */
  readonly server?: string;
  /** The signed farm file, whose epoch results are signed with; absent: the first. */
  readonly farm?: WrittenFarmTrust;
  readonly rotateBytes?: number;
  readonly checkpointSeconds?: number;
}

const defaultRotateBytes = 64 * 2 ** 20;
const defaultCheckpointSeconds = 10;

export class Keeper {
  readonly sayings: readonly string[];
  readonly #state: KeeperState;
  readonly #unlock: () => void;

  private constructor(state: KeeperState, sayings: readonly string[], unlock: () => void) {
    this.#state = state;
    this.sayings = sayings;
    this.#unlock = unlock;
  }

  /** Steps 1 to 4. Throws `log-unavailable` or `config-invalid`. */
  static async open(config: KeeperConfig): Promise<Keeper> {
    const server = config.server ?? 'localhost';
    const secrets = openSecrets(config.state);
    const farm = await KeeperFarm.open(config.farm, config.state);
    mkdirSync(config.directory, { recursive: true, mode: 0o750 });
    const unlock = takeLock(join(config.state, 'keeper.lock'));
    try {
      const recovered = await recoverLog(config.directory);
      const checkpointFile = join(config.state, 'checkpoint.json');
      await compareWithCheckpoint(config.directory, checkpointFile, recovered, secrets);
      const rotateBytes = config.rotateBytes ?? defaultRotateBytes;
      const log = new AppendLog({ directory: config.directory, durability: config.durability, rotateBytes }, recovered.end, recovered.file);
      for (const message of recovered.sayings) await log.append({ event: 'log.recovered', server, message });
      await log.append({ event: 'log.opened', server, message: `signing key ${secrets.keyId}` });
      const state: KeeperState = {
        server,
        farm,
        log,
        jobs: new OpenJobs(),
        secrets,
        refusals: new Refusals(join(config.directory, 'refused-addresses.json')),
        checkpoints: new Checkpoints(
          { file: checkpointFile, origin: server, everyMs: (config.checkpointSeconds ?? defaultCheckpointSeconds) * 1000 },
          log,
          secrets,
        ),
      };
      return new Keeper(state, recovered.sayings, unlock);
    } catch (error) {
      unlock();
      throw error;
    }
  }

  /** Step 5: answers until the connection ends. */
  async serve(front: IpcPeer): Promise<void> {
    const gate = new RequestGate('front');
    front.onRequest(async (request) => ({ json: await gate.answer(request, this.#state) }));
    await front.closed;
  }

  /** Step 6. */
  async close(): Promise<void> {
    const { log, checkpoints, refusals, server } = this.#state;
    await log.append({ event: 'log.closed', server }).catch(() => {});
    log.close();
    if (log.end.seq > 0) checkpoints.finish();
    refusals.write();
    this.#unlock();
  }
}

/** A log that is shorter than its checkpoint was cut, or restored from a backup: a person has to look at that. */
const compareWithCheckpoint = async (directory: string, file: string, { end }: Recovered, secrets: Secrets): Promise<void> => {
  if (!existsSync(file)) return;
  const checkpoint = await readCheckpoint(file, secrets.publicKey);
  if (checkpoint.seq > end.seq) {
    throw new WardError(
      'log-unavailable',
      `The log in ${directory} ends with record ${end.seq}, but the checkpoint ${file} knows record ${checkpoint.seq}: ` +
        'records are missing. If that is intended, move the checkpoint away.',
      { at: directory },
    );
  }
  if (checkpoint.seq === end.seq && checkpoint.hash !== end.hash) {
    throw new WardError(
      'log-unavailable',
      `Record ${end.seq} of the log in ${directory} is not the one that the checkpoint ${file} names: the log was rewritten.`,
      { at: directory },
    );
  }
};
