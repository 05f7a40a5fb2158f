/**
 * Who uses how much of the content store, and who has to yield when all of it is in use.
 *
 * Everybody has a share. Whoever is within theirs loses nothing that is in use; whoever is beyond it has what nobody else was promised,
 * and yields it to those who are within theirs. So somebody who fills the store pushes out what they brought themselves.
 *
 * @module
 */
import { defaultQuota } from '../../policy/types.ts';

/** The people who used a content since it was last out of use; a set only when there are several. */
export type Users = undefined | string | Set<string>;

export class Shares {
  readonly #maxBytes: number;
  readonly #used = new Map<string, number>();
  readonly #percent = new Map<string, number>();
  readonly #arriving = new Map<string, number>();

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** What the policy gives somebody. */
  grant(user: string, percent: number): void {
    if (percent === defaultQuota.storePercent) this.#percent.delete(user);
    else this.#percent.set(user, percent);
  }

  /** The bytes that are somebody's own while they are in use. */
  of(user: string): number {
    return (this.#maxBytes * (this.#percent.get(user) ?? defaultQuota.storePercent)) / 100;
  }

  isBeyond(user: string): boolean {
    return (this.#used.get(user) ?? 0) > this.of(user);
  }

  /** Somebody uses, or sends, `bytes` more; less when it is negative. */
  count(user: string, bytes: number): void {
    const used = (this.#used.get(user) ?? 0) + bytes;
    if (used > 0) this.#used.set(user, used);
    else this.#used.delete(user);
  }

  /** Bytes of somebody come, or are here or given up when `bytes` is negative: they count as used. False: more is on its way than is theirs. */
  arrive(user: string, bytes: number): boolean {
    this.count(user, bytes);
    const arriving = (this.#arriving.get(user) ?? 0) + bytes;
    if (arriving > 0) this.#arriving.set(user, arriving);
    else this.#arriving.delete(user);
    return arriving <= this.of(user);
  }

  /** `user` uses what `users` did. */
  join(users: Users, user: string, bytes: number): Users {
    if (users === user || (users instanceof Set && users.has(user))) return users;
    this.count(user, bytes);
    if (users === undefined) return user;
    return users instanceof Set ? users.add(user) : new Set([users, user]);
  }

  /** Nobody uses it any more. */
  leave(users: Users, bytes: number): void {
    for (const user of all(users)) this.count(user, -bytes);
  }

  /** May what these people use be pushed out, in use as it is, by what `newcomer` sends? */
  yields(users: Users, newcomer: string): boolean {
    if (this.isBeyond(newcomer)) return users === newcomer;
    return all(users).every((user) => user === newcomer || this.isBeyond(user));
  }
}

const all = (users: Users): readonly string[] => (users === undefined ? [] : typeof users === 'string' ? [users] : [...users]);
