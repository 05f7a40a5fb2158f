/**
 * What the agent itself needs to know of the farm: what its person's commands show, and the settings that it mirrors.
 *
 * @module
 */

/** Settings that the launcher must know when there is no agent. */
export interface FallbackSetting {
  readonly fallback: 'never' | 'infra' | 'always';
  /** System configuration decides, the environment has no say. */
  readonly locked: boolean;
}

/** One server as `wardctl hosts` shows it. */
export interface HostStatus {
  readonly name: string;
  readonly state: 'connected' | 'connecting' | 'idle' | 'resting' | 'refused';
  /** Why it rests or refuses: an error code. */
  readonly reason?: string;
  readonly message?: string;
  readonly slots?: number;
  readonly running?: number;
  readonly mechanism?: string;
  readonly principal?: string;
}

/** Who the servers say this user is. */
export interface WhoAmI {
  readonly principal: string;
  readonly committer: string;
  /** Why this committer, in the server's words. */
  readonly because?: string;
  readonly mechanism: string;
  readonly server: string;
  /** Milliseconds since the epoch; 0: does not end by itself. */
  readonly expires: number;
}

export interface PingAnswer {
  readonly server: string;
  readonly ms?: number;
  readonly error?: { readonly code: string; readonly message: string };
}

/** Sessions with servers. `env` is the caller's: it chooses credentials and hosts. */
export interface FarmView {
  readonly settings: FallbackSetting;
  /** Compiles at once on this machine; undefined: as many as there are cores. */
  readonly localSlots: number | undefined;
  /** Connects if need be. @throws WardError when no server accepts. */
  whoami(env: Readonly<Record<string, string>>): Promise<WhoAmI>;
  hosts(env: Readonly<Record<string, string>>): Promise<readonly HostStatus[]>;
  ping(env: Readonly<Record<string, string>>): Promise<readonly PingAnswer[]>;
  close(): Promise<void>;
}
