/**
 * Who is compared: something that stands before the compiler's command, and what it needs around it.
 *
 * @module
 */
export interface Contender {
  readonly name: string;
  readonly env: NodeJS.ProcessEnv;
  /** What stands before the compiler's own arguments. */
  command(compiler: 'gcc' | 'g++'): string;
  /** A command that runs make where this contender works: in a network namespace of its own. */
  readonly within?: readonly string[];
  /** Pids that work for the client's side beside make: their CPU time counts as the client's. */
  helpers(): readonly number[];
  /** It keeps results where the client is, so that the same build again is another measure. */
  readonly caches: boolean;
  /** Its compilers run on a server. */
  readonly remote: boolean;
  /** Version of its program. */
  readonly version?: string;
  /** What became of jobs since `zero`. */
  readonly counts?: { zero(): Promise<void>; read(): Promise<JobCounts> };
  end(): Promise<void>;
}

export interface JobCounts {
  readonly remote: number;
  readonly hit: number;
  readonly local: number;
  readonly denied: number;
  readonly failed: number;
}

/** What contenders are started with. */
export interface Surroundings {
  /** A directory for their files. */
  readonly place: string;
  /** Compiles at once. */
  readonly jobs: number;
}

/** The environment without anything that would steer one of the contenders. */
export const cleanEnvironment = (): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(WARDCC|DISTCC|S?CCACHE|ICECC|KRB5|MAKE|MFLAGS)/.test(name)));

const simple = (name: string, command: Contender['command']): Contender =>
  ({ name, env: cleanEnvironment(), command, helpers: () => [], caches: false, remote: false, end: async () => {} });

export const plain = simple('plain gcc', (compiler) => compiler);

/** make, the shell and a process a job, and nothing else. */
export const standIn = simple('/bin/true', () => '/bin/true');
