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
  /** Where it listens, and its name. */
  readonly address: string;
  readonly port: number;
  /** Jobs offered at once. */
  readonly jobs: number | undefined;
  /** Compiles at once. */
  readonly cores: number | undefined;
  readonly isolation: 'strict' | 'strict-rlimit';
  readonly cgroup: Delegation | undefined;
  /** Absolute, or relative to the server's directory. */
  readonly run: string;
  /** Lines of server.jsonc that the farm's mechanism needs. */
  readonly lines?: readonly string[];
}

/** What a mechanism of authentication adds to the files of a farm that uses it alone. */
export interface MechanismFiles {
  readonly mechanism: 'cert' | 'krb5' | 'ssh';
  /** Lines of policy.jsonc: who may assert names, and which committer a name stands for. */
  readonly policy: readonly string[];
}

/** One Kerberos principal for all servers: their addresses are no names to Kerberos. */
export const krb5Service = 'wardcc/localhost';

const json = (value: unknown): string => JSON.stringify(value);
const fields = (lines: readonly (string | undefined)[]): string => lines.filter((line) => line !== undefined).map((line) => `  ${line}`).join(',\n');

export const certFiles = (caPem: string): MechanismFiles => ({
  mechanism: 'cert',
  policy: [
    '// This CA may name people, and only as wardcc-user:NAME.',
    `"anchors": [{ "id": "farm-ca", "ca": ${json(`sha256:${new X509Certificate(caPem).fingerprint256.replaceAll(':', '').toLowerCase()}`)}, "uri": ["wardcc-user:"] }],`,
    '// Whose certificate says NAME is the committer NAME.',
    '"identities": [{ "id": "same-name", "principal": "cert:{user}", "committer": "{user}" }],',
  ],
});

/** Committers, and nobody else, may compile everything. */
export const policyText = ({ mechanism, policy }: MechanismFiles): string => `// Who may compile on this farm. \`wardctl policy check\` looks for mistakes; changes count within two seconds.
{
  "serial": 1,
  "mechanisms": [${json(mechanism)}],
${policy.map((line) => `  ${line}`).join('\n')}
  // Who may commit: a list taken from a git repository's authors, which would be no authority on a real farm.
  "committers": { "sources": [{ "id": "git-authors", "kind": "list", "file": "committers.txt" }] },
  "rules": [
    { "id": "committers-compile", "effect": "allow", "who": ["*"] }
  ]
}
`;

const farmReference = (trust: string, publicKey: string): string => `{ "file": ${json(`${trust}/farm.jsonc`)}, "publicKey": ${json(publicKey)} }`;

/** Paths are relative, because the servers' account may see the farm at another place. */
export const serverText = (plan: ServerPlan, farmKey: string): string => `{
${fields([
  `"name": ${json(plan.address)}`,
  `"listen": [{ "host": ${json(plan.address)}, "port": ${plan.port} }]`,
  '"tls": { "cert": "cert.pem", "key": "key.pem", "clientCa": "../../trust/ca.pem", "crl": "../../trust/crl.pem" }',
  '"policy": "../../policy.jsonc"',
  `"farm": ${farmReference('../../trust', farmKey)}`,
  '"state": "state"',
  `"run": ${json(plan.run)}`,
  `"log": ${json(logOf(plan.number))}`,
  plan.cores === undefined ? undefined : `"slots": ${plan.cores}`,
  plan.jobs === undefined ? undefined : `"jobs": ${plan.jobs}`,
  `"isolation": ${json(plan.isolation)}`,
  plan.cgroup === undefined ? undefined : `"cgroup": ${json(plan.cgroup.directories)}`,
  '"store": { "maxBytes": 2147483648 }',
  ...plan.lines ?? [],
])}
}
`;

/** The first server's log is the farm's `log`; those of more servers lie inside it, so that one directory holds all of them. */
const logOf = (number: number): string => (number === 1 ? '../../log' : `../../log/server-${number}`);

/** How one person reaches the servers. */
export interface ClientPlan {
  readonly mechanism: MechanismFiles['mechanism'];
  readonly hosts: readonly string[];
  /** Where the farm's trust lies, and where the person's credentials lie, each seen from the file. */
  readonly trust: string;
  readonly person: string;
  /** Line of the key that signs the farm file. */
  readonly farmKey: string;
}

const credentialLines: Readonly<Record<MechanismFiles['mechanism'], (plan: ClientPlan) => string[]>> = {
  cert: ({ trust, person, farmKey }) => [
    `"trust": { "ca": ${json(`${trust}/ca.pem`)}, "crl": ${json(`${trust}/crl.pem`)}, "farm": ${farmReference(trust, farmKey)} }`,
    `"credentials": { "cert": ${json(`${person}cert.pem`)}, "key": ${json(`${person}key.pem`)} }`,
  ],
  krb5: ({ trust, person, farmKey }) => [
    `"trust": { "service": ${json(krb5Service)}, "farm": ${farmReference(trust, farmKey)} }`,
    ...(person === '' ? ['"credentials": { "ccache": "FILE:ccache" }'] : []),
  ],
  ssh: ({ trust, person, farmKey }) => [
    `"trust": { "farm": ${farmReference(trust, farmKey)} }`,
    `"ssh": { "config": ${json(`${trust}/ssh_config`)}, "knownHosts": ${json(`${trust}/known_hosts`)}, "identity": ${json(`${person}ssh_key`)} }`,
  ],
};

export const clientText = (plan: ClientPlan): string => `{
${fields([
  `"hosts": ${json(plan.hosts)}`,
  ...credentialLines[plan.mechanism](plan),
  `"mechanisms": [${json(plan.mechanism)}]`,
  '"cache": { "directory": "cache" }',
  '"fallback": "infra"',
  '"project": "default"',
])}
}
`;

/** For a POSIX shell: any character may be in the text. */
export const shellQuote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** `exports`: what the farm's mechanism needs beside it. */
export const environmentText = (layout: FarmLayout, exports: Readonly<Record<string, string>> = {}): string => `# Makes this shell use the throwaway farm: . ${shellQuote(layout.environment)}
unset WARDCC_HOSTS
export WARDCC_CONFIG=${shellQuote(layout.client)}
export WARDCC_RUNTIME_DIR=${shellQuote(layout.runtime)}
${Object.entries(exports).map(([name, value]) => `export ${name}=${shellQuote(value)}\n`).join('')}case :$PATH: in
  ${shellQuote(`:${layout.bin}:`)}*) ;;
  *) export PATH=${shellQuote(layout.bin)}:"$PATH" ;;
esac
`;
