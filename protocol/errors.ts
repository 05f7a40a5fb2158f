/**
 * Every error of wardcc is one of these codes: a closed union. A code says who must act, whether another server may be
 * asked, and which exit status a user sees. Client and server share the table, so a refusal reads the same on both sides.
 *
 * @module
 */

/** Who has to act on an error, which also decides what may be done about it. */
export type ErrorClass = 'protocol' | 'authentication' | 'authorization' | 'infrastructure' | 'client';

/** May the job be tried elsewhere? `never`: the answer would be the same (or must not be evaded). */
export type Retry = 'never' | 'another-server' | 'later';

export interface ErrorEntry {
  readonly class: ErrorClass;
  readonly retry: Retry;
  /** Exit status of `wardcc` when this ends a job and no fallback applies (distcc's numbers). */
  readonly exit: number;
  /** What happened, in one sentence, for documentation. */
  readonly means: string;
  /** What a person does next. */
  readonly next: string;
}

const entry = (cls: ErrorClass, retry: Retry, exit: number, means: string, next: string): ErrorEntry =>
  Object.freeze({ class: cls, retry, exit, means, next });

const table = {
  // protocol: a peer broke the rules of the wire
  'protocol-violation': entry('protocol', 'another-server', 116, 'The peer sent something the protocol does not allow.', 'Check that client and server have the same version; see the server log.'),
  'version-mismatch': entry('protocol', 'another-server', 116, 'Client and server speak different protocol versions.', 'Install the same major version on both sides.'),
  'frame-too-large': entry('protocol', 'another-server', 116, 'A frame announced more bytes than its limit.', 'Check that client and server have the same version.'),
  'bad-tag': entry('protocol', 'another-server', 116, 'A frame failed its integrity check.', 'Somebody changed bytes on the way, or memory is faulty: look at the server log.'),
  'bad-sequence': entry('protocol', 'another-server', 116, 'A frame was repeated, skipped or reordered.', 'Somebody changed frames on the way: look at the server log.'),
  'limit-exceeded': entry('protocol', 'another-server', 116, 'The peer passed a stated limit.', 'See the limits in PROTOCOL.md and the server configuration.'),
  'handshake-timeout': entry('protocol', 'another-server', 118, 'The handshake did not end in time.', 'Check the network and the server load.'),
  'origin-refused': entry('protocol', 'never', 119, 'The connection carried an Origin header: browsers are not clients.', 'Connect with wardcc.'),

  // authentication: who is it?
  'mechanism-not-permitted': entry('authentication', 'never', 119, 'The policy does not permit this authentication mechanism.', 'Use a mechanism that the policy lists; ask the administrator.'),
  'credential-missing': entry('authentication', 'never', 119, 'No credential was found.', 'Run kinit, or install a client certificate and name it in client.jsonc.'),
  'credential-expired': entry('authentication', 'never', 119, 'The credential has expired.', 'Renew it: kinit for a ticket, a new certificate from your CA.'),
  'certificate-required': entry('authentication', 'never', 119, 'The server asks for a client certificate and none was sent.', 'Name certificate and key in client.jsonc.'),
  'certificate-invalid': entry('authentication', 'never', 119, 'The certificate was not issued by a CA that is trusted here, or is not for this use.', 'Check which CA issued it and what for: openssl x509 -text.'),
  'certificate-expired': entry('authentication', 'never', 119, 'The certificate is outside its validity period.', 'Ask for a new certificate.'),
  'certificate-revoked': entry('authentication', 'never', 119, 'The certificate was revoked.', 'Ask the administrator why, and for a new one.'),
  'crl-expired': entry('authentication', 'never', 119, 'The certificate revocation list is out of date, so no certificate can be accepted.', 'Administrator: wardctl certs crl, then install the new list.'),
  'crl-missing': entry('authentication', 'never', 119, 'No revocation list of the issuing CA is installed.', 'Administrator: wardctl certs crl, then install the list.'),
  'name-not-allowed': entry('authentication', 'never', 119, 'This CA may not assert this name.', 'Administrator: check the anchor in the policy and the certificate.'),
  'name-ambiguous': entry('authentication', 'never', 119, 'The certificate carries more than one name that matches.', 'Ask for a certificate with exactly one identity.'),
  'ticket-invalid': entry('authentication', 'never', 119, 'The Kerberos token was not accepted.', 'Run klist and kinit; check clocks and the service name.'),
  'kdc-unreachable': entry('infrastructure', 'another-server', 118, 'No Kerberos server answered in time, so there is no ticket for the compile server.', 'Check the network and krb5.conf; kinit shows the same.'),
  'binding-mismatch': entry('authentication', 'never', 119, 'The proof does not belong to this connection: somebody may be relaying it.', 'Tell the security team; do not retry from an untrusted network.'),
  'ssh-refused': entry('authentication', 'never', 119, 'The SSH login was refused, or does not name exactly one accepted identity.', 'docs/ssh.md says what to try. Administrator: wardccd doctor.'),
  'server-untrusted': entry('authentication', 'another-server', 119, 'The server could not prove that it is the server that was asked for.', 'Check the CA and server names in client.jsonc; tell the administrator.'),

  // authorization: may they?
  'identity-unknown': entry('authorization', 'never', 113, 'No identity rule of the policy maps this principal to a committer.', 'Administrator: add an identity rule.'),
  'not-a-committer': entry('authorization', 'never', 113, 'This person is not in the list of people who may commit.', 'Ask for commit access, or compile locally.'),
  'not-a-peer': entry('authorization', 'never', 113, 'This server is not one of those that may fetch results here.', 'Administrator: name it in the farm file, or in shared.peers.servers.'),
  'policy-denied': entry('authorization', 'never', 113, 'A policy rule denies this job.', 'wardctl policy explain shows the rule.'),
  'option-refused': entry('authorization', 'never', 113, 'The command has an option that nobody may send.', 'Remove the option, or let this file compile locally.'),
  'path-refused': entry('authorization', 'never', 113, 'The job names a path that is not allowed.', 'Compile this file locally.'),
  'access-ended': entry('authorization', 'never', 113, 'The right to compile here ended while the session was open.', 'Ask the administrator; wardctl whoami shows the state.'),

  // infrastructure: the farm could not do it
  'busy': entry('infrastructure', 'another-server', 114, 'Every slot is taken and the queue is full.', 'Wait, or use fewer parallel jobs.'),
  'toolchain-unknown': entry('infrastructure', 'another-server', 110, 'The server does not have exactly this compiler.', 'Install the same compiler package on client and servers.'),
  'blob-corrupt': entry('infrastructure', 'another-server', 116, 'Received content does not match its digest.', 'See the server log; memory or disk may be faulty.'),
  'input-unsigned': entry('infrastructure', 'another-server', 116, 'The job reads a precompiled header that this farm did not make.', 'Make the header with wardcc, or let this file compile locally.'),
  'result-untrusted': entry('infrastructure', 'another-server', 116, 'The result is not signed as the farm file demands.', 'Administrator: compare the farm file with the keys and the epoch of the server.'),
  'result-absent': entry('infrastructure', 'another-server', 116, 'The server does not keep the result that was asked for, or does not any more.', 'Nothing: it is compiled again.'),
  'tree-invalid': entry('infrastructure', 'never', 116, 'The list of input files is not a valid tree.', 'Report this as a bug: the client built a wrong list.'),
  'job-timeout': entry('infrastructure', 'another-server', 118, 'The job ran longer than its deadline.', 'Raise the limit in the policy, or compile this file locally.'),
  'cpu-limit': entry('infrastructure', 'another-server', 118, 'The job used more CPU time than allowed.', 'Raise the limit in the policy, or compile this file locally.'),
  'memory-limit': entry('infrastructure', 'another-server', 116, 'The job used more memory than allowed.', 'Raise the limit in the policy, or compile this file locally.'),
  'process-limit': entry('infrastructure', 'another-server', 116, 'The job started more processes than allowed.', 'Raise the limit in the policy, or compile this file locally.'),
  'output-limit': entry('infrastructure', 'another-server', 116, 'The job wrote more than allowed.', 'Raise the limit in the policy, or compile this file locally.'),
  'file-limit': entry('infrastructure', 'another-server', 116, 'The job made, or had open, more files than allowed.', 'Raise the limit in the policy, or compile this file locally.'),
  'compiler-crashed': entry('infrastructure', 'another-server', 116, 'The compiler was killed or crashed.', 'Compile locally to see whether it is the compiler.'),
  'sandbox-failed': entry('infrastructure', 'another-server', 116, 'The sandbox could not be set up.', 'Administrator: wardccd doctor.'),
  'isolation-unavailable': entry('infrastructure', 'never', 116, 'This machine cannot isolate jobs well enough, so the server does not start.', 'Administrator: wardccd doctor.'),
  'disk-full': entry('infrastructure', 'another-server', 116, 'The server has no space left.', 'Administrator: free space or raise the store limit.'),
  'log-unavailable': entry('infrastructure', 'another-server', 116, 'The decision log cannot be written, so no job may run.', 'Administrator: wardccd doctor; free space for the log.'),
  'policy-unavailable': entry('infrastructure', 'another-server', 116, 'The server has no valid policy.', 'Administrator: wardctl policy check.'),
  'server-stopping': entry('infrastructure', 'another-server', 116, 'The server is shutting down.', 'The job goes to another server.'),
  'session-lost': entry('infrastructure', 'another-server', 116, 'The connection ended before the answer.', 'The job is tried again; check the network if it happens often.'),
  'cancelled': entry('infrastructure', 'never', 130, 'The job was cancelled.', 'Nothing: this was asked for.'),
  'internal': entry('infrastructure', 'another-server', 116, 'A bug: something happened that should be impossible.', 'Report it with the log lines of the job.'),

  // client: before any server was asked
  'no-server': entry('client', 'later', 116, 'No server is configured or reachable.', 'Check WARDCC_HOSTS or client.jsonc; wardctl hosts.'),
  'connect-failed': entry('client', 'another-server', 116, 'The server could not be reached.', 'Check the network; wardctl hosts.'),
  'config-invalid': entry('client', 'never', 116, 'The configuration cannot be read.', 'Correct the file at the position that is named.'),
  'certs-refused': entry('client', 'never', 1, 'The certificate authority refused to do what was asked.', 'Read the message: it names the file or the argument.'),
  'input-missing': entry('client', 'never', 116, 'An input file vanished or changed while the job was prepared.', 'Run the build again.'),
  'output-refused': entry('client', 'another-server', 116, 'The server answered with an output that was not asked for.', 'Tell the administrator: this server does not behave.'),
  'dev-failed': entry('client', 'never', 1, 'The throwaway farm could not be brought up.', 'Read the message; wardctl dev down --dir D ends what was started.'),
  'usage': entry('client', 'never', 1, 'The command line makes no sense.', 'See --help.'),
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof table;

export const errorTable: Readonly<Record<ErrorCode, ErrorEntry>> = Object.freeze(Object.assign(Object.create(null), table));

export const isErrorCode = (text: string): text is ErrorCode => Object.hasOwn(errorTable, text);

export interface WardErrorOptions extends ErrorOptions {
  /** Where: `file:line:column`, a rule's position, a server's name. */
  at?: string;
  /** Policy rule that decided, for authorization errors. */
  rule?: string;
}

/** The one error class that crosses a module boundary on purpose. `message` is a whole sentence for a person. */
export class WardError extends Error {
  readonly code: ErrorCode;
  readonly at: string | undefined;
  readonly rule: string | undefined;

  constructor(code: ErrorCode, message: string = errorTable[code].means, options: WardErrorOptions = {}) {
    const frames = Error.stackTraceLimit;
    // A walk over the stack takes longer than most steps of a job. What was asked for needs none, and of what has a cause that tells.
    if (code === 'cancelled' || options.cause instanceof WardError) Error.stackTraceLimit = 0;
    super(message, options);
    Error.stackTraceLimit = frames;
    this.name = 'WardError';
    this.code = code;
    this.at = options.at;
    this.rule = options.rule;
  }

  get class(): ErrorClass {
    return errorTable[this.code].class;
  }

  get retry(): Retry {
    return errorTable[this.code].retry;
  }

  get exit(): number {
    return errorTable[this.code].exit;
  }

  get next(): string {
    return errorTable[this.code].next;
  }
}

/** Turns anything thrown into a WardError; what is not ours already is `internal`, with the cause kept. */
export const toWardError = (thrown: unknown): WardError =>
  thrown instanceof WardError ? thrown : new WardError('internal', thrown instanceof Error ? thrown.message : String(thrown), { cause: thrown });
