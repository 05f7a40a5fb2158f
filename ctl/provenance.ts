/**
 * `wardctl provenance FILE`: where an object came from, verified: by the farm file, by its signature, by the file's own digest.
 *
 * @module
 */
import { createPublicKey, hash, type KeyObject } from 'node:crypto';
import { readFileSync, realpathSync } from 'node:fs';
import { Command } from 'commander';
import { loadClientConfig, type ClientConfig } from '../client/config.ts';
import { provenanceDirectory, searchProvenance } from '../client/results/provenance-log.ts';
import { findDoubt, provenanceOf, readEnvelope, type Provenance, type Trust } from '../policy/provenance.ts';
import { WardError } from '../protocol/errors.ts';
import type { Envelope } from '../protocol/statement.ts';
import { print, printable, printJson, table } from './output.ts';

/** Exit status: it is not what it should be, or nobody knows; and: it is another file than the one that was made. */
const [doubtful, changed] = [2, 3];

interface Options {
  readonly json?: boolean;
  readonly envelope?: string;
  readonly key?: string;
}

export const provenanceCommand = (): Command =>
  new Command('provenance')
    .description('where an object came from, and whether that is proved: 0 it is, 2 it is not, 3 the file was changed since')
    .argument('<file>', 'an object, or another output of a compile')
    .option('--json', 'print the DSSE envelope, for other programs')
    .option('--envelope <file>', 'an envelope that somebody saved, in place of what is remembered here')
    .option('--key <file>', "the keeper's public key in PEM, in place of those in the farm file")
    .action(async (file: string, options: Options) => {
      const content = read(file);
      const config = await loadClientConfig(process.env);
      const key = options.key === undefined ? undefined : readKey(options.key);
      await show({ file, sha256: hash('sha256', content, 'hex'), config, key }, options);
    });

interface Question {
  readonly file: string;
  /** Of the file as it is. */
  readonly sha256: string;
  readonly config: ClientConfig;
  readonly key: KeyObject | undefined;
}

const show = async (question: Question, { json = false, envelope: saved }: Options): Promise<void> => {
  const found = saved === undefined ? remembered(question) : { envelope: readEnvelope(read(saved).toString('utf8'), saved), name: saved };
  if ('sentence' in found) {
    process.exitCode = found.status;
    return say(json, `${question.file}: ${found.sentence}`);
  }
  const { envelope, name } = found;
  const provenance = provenanceOf(envelope, name);
  if (json) printJson(envelope);
  const subject = provenance.subjects.find(({ sha256 }) => sha256 === question.sha256);
  if (subject === undefined) {
    process.exitCode = changed;
    return say(json, `${question.file}: the envelope is about other files: ${provenance.subjects.map((each) => printable(each.name)).join(', ')}`);
  }
  if (!json) print(describe(question, provenance, subject.name));
  const doubt = doubtOf(question, envelope, provenance);
  if (doubt !== undefined) process.exitCode = doubtful;
  say(json, doubt === undefined ? `${question.file}: verified: ${by(question, provenance)}` : `${question.file}: not verified: ${printable(doubt)}`);
};

/** With `--json` standard output is the envelope's alone. */
const say = (json: boolean, sentence: string): void => void (json ? process.stderr : process.stdout).write(`${sentence}\n`);

type Found = { readonly envelope: Envelope; readonly name: string } | { readonly sentence: string; readonly status: number };

/** What this user's agents have on record about a file. */
const remembered = ({ file, sha256, config }: Question): Found => {
  const directory = provenanceDirectory(config.cache.directory);
  const records = searchProvenance(directory);
  const exact = records.byDigest(sha256);
  if (exact !== undefined) return { envelope: exact.envelope, name: directory };
  const earlier = records.byPath(realpathSync(file));
  if (earlier === undefined) {
    return { sentence: 'unknown: no server made it for this user as far back as is remembered, and no agent saw it compiled here. Links are made here.', status: doubtful };
  }
  const when = new Date(earlier.at).toISOString();
  if ('local' in earlier) return { sentence: `compiled on this machine at ${when} (${printable(earlier.local)}): no server vouches for it.`, status: doubtful };
  const was = earlier.outputs[realpathSync(file)] ?? '';
  return { sentence: `changed since a server made it at ${when}: its SHA-256 was ${printable(was)} and is ${sha256}.`, status: changed };
};

const doubtOf = ({ config, key }: Question, envelope: Envelope, provenance: Provenance): string | undefined => {
  const trust: Trust | undefined = key !== undefined ? { key } : config.farm === undefined ? undefined : { farm: config.farm };
  return trust === undefined ? 'client.jsonc trusts no farm file (trust.farm), and no --key was given' : findDoubt(envelope, provenance, trust);
};

const by = ({ config: { farm }, key: given }: Question, { key, server, epoch }: Provenance): string => {
  const whose = given !== undefined || farm === undefined
    ? `the key ${key}, which was given`
    : `the key ${key} of ${printable(server)}, which ${farm.file} lists (serial ${farm.serial}, epoch ${farm.epoch}, signed by ${farm.signedBy})`;
  return `signed by ${whose}; epoch ${epoch}; the file is as it was made.`;
};

const describe = ({ file, sha256 }: Question, provenance: Provenance, name: string): string => {
  const { server, job, finished, principal, domain, toolchain, action, policy, epoch, key } = provenance;
  const rows = [
    ['sha256', sha256], ['made as', name], ['server', server], ['decision', `${job} in its log`], ['time', finished], ['for', principal], ['domain', domain],
    ['compiler', toolchain], ['action', action], ['policy', policy], ['epoch', String(epoch)], ['key', key],
  ];
  return `${file}\n${table(rows.map(([title, value]) => [`  ${title}`, printable(value!)]))}`;
};

const read = (file: string): Buffer => {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new WardError('usage', `${file} cannot be read: ${(cause as Error).message}`, { cause });
  }
};

const readKey = (file: string): KeyObject => {
  try {
    const key = createPublicKey(read(file));
    if (key.asymmetricKeyType === 'ed25519') return key;
  } catch (cause) {
    throw new WardError('config-invalid', `${file}: this is no public key in PEM`, { at: file, cause });
  }
  throw new WardError('config-invalid', `${file}: this is no Ed25519 key`, { at: file });
};
