/**
 * The configuration files of a throwaway farm. They are examples too, so they say what each part is for.
 *
 * @module
 */
import { X509Certificate } from 'node:crypto';
import type { Delegation } from './cgroup.ts';
import type { FarmLayout } from './layout.ts';

export interface ServerPlan {
  readonly number: number;
  readonly port: number;
  /** Jobs offered at once. */
  readonly jobs: number | undefined;
  /** Compiles at once. */
  readonly cores: number | undefined;
  readonly isolation: 'strict' | 'strict-rlimit';
  readonly cgroup: Delegation | undefined;
  /** Absolute, or relative to the server's directory. */
  readonly run: string;
}

const json = (value: unknown): string => JSON.stringify(value);
const fields = (lines: readonly (string | undefined)[]): string => lines.filter((line) => line !== undefined).map((line) => `  ${line}`).join(',\n');

/** Committers, and nobody else, may compile everything. */
export const policyText = (caPem: string): string => `// Who may compile on this farm. \`wardctl policy check\` looks for mistakes; changes count within two seconds.
{
  "serial": 1,
  "mechanisms": ["cert"],
  // This CA may name people, and only as wardcc-user:NAME.
  "anchors": [{ "id": "farm-ca", "ca": ${json(`sha256:${new X509Certificate(caPem).fingerprint256.replaceAll(':', '').toLowerCase()}`)}, "uri": ["wardcc-user:"] }],
  // Whose certificate says NAME is the committer NAME.
  "identities": [{ "id": "same-name", "principal": "cert:{user}", "committer": "{user}" }],
  // Who may commit: a list taken from a git repository's authors, which would be no authority on a real farm.
  "committers": { "sources": [{ "id": "git-authors", "kind": "list", "file": "committers.txt" }] },
  "rules": [
    { "id": "committers-compile", "effect": "allow", "who": ["*"] }
  ]
}
`;

/** Paths are relative, because the servers' account may see the farm at another place. */
export const serverText = (plan: ServerPlan): string => `{
${fields([
  '"name": "localhost"',
  `"listen": [{ "host": "127.0.0.1", "port": ${plan.port} }]`,
  '"tls": { "cert": "cert.pem", "key": "key.pem", "clientCa": "../../trust/ca.pem", "crl": "../../trust/crl.pem" }',
  '"policy": "../../policy.jsonc"',
  '"state": "state"',
  `"run": ${json(plan.run)}`,
  `"log": ${json(logOf(plan.number))}`,
  plan.cores === undefined ? undefined : `"slots": ${plan.cores}`,
  plan.jobs === undefined ? undefined : `"jobs": ${plan.jobs}`,
  `"isolation": ${json(plan.isolation)}`,
  plan.cgroup === undefined ? undefined : `"cgroup": ${json(plan.cgroup.directories)}`,
  '"store": { "maxBytes": 2147483648 }',
])}
}
`;

/** The first server's log is the farm's `log`; those of more servers lie inside it, so that one directory holds all of them. */
const logOf = (number: number): string => (number === 1 ? '../../log' : `../../log/server-${number}`);

export const clientText = (ports: readonly number[], trust: string): string => `{
${fields([
  `"hosts": ${json(ports.map((port) => `127.0.0.1:${port}`))}`,
  `"trust": { "ca": ${json(`${trust}/ca.pem`)}, "crl": ${json(`${trust}/crl.pem`)}, "servers": ["localhost"] }`,
  '"credentials": { "cert": "cert.pem", "key": "key.pem" }',
  '"mechanisms": ["cert"]',
  '"cache": { "directory": "cache" }',
  '"fallback": "infra"',
  '"project": "default"',
])}
}
`;

/** For a POSIX shell: any character may be in the text. */
export const shellQuote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

export const environmentText = (layout: FarmLayout): string => `# Makes this shell use the throwaway farm: . ${shellQuote(layout.environment)}
unset WARDCC_HOSTS
export WARDCC_CONFIG=${shellQuote(layout.client)}
export WARDCC_RUNTIME_DIR=${shellQuote(layout.runtime)}
case :$PATH: in
  ${shellQuote(`:${layout.bin}:`)}*) ;;
  *) export PATH=${shellQuote(layout.bin)}:"$PATH" ;;
esac
`;
