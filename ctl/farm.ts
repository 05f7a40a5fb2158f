/**
 * `wardctl farm`: the farm file that this user's configuration trusts, and for administrators: keys and signatures.
 *
 * @module
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { Command } from 'commander';
import { loadClientConfig } from '../client/config.ts';
import { loadFarm, loadSignedFarm, signatureFile, type Farm, type SignedFarm } from '../policy/farm.ts';
import { readBounded } from '../policy/jsonc.ts';
import { formatPublicKey, parsePublicKey, type PublicKey } from '../policy/signature/format.ts';
import { sign } from '../policy/signature/minisign.ts';
import { formatClearKey, makeKey, parseSecretKey, publicKeyOf } from '../policy/signature/secret-key.ts';
import { WardError } from '../protocol/errors.ts';
import { print, printable, printJson, table } from './output.ts';
import { readPassphrase } from './passphrase.ts';

/** The sub-program `farm`. */
export const farmCommand = (): Command => {
  const command = new Command('farm').description('the farm file: which servers there are, whose results count, and since when');
  command.addCommand(show(), { isDefault: true });
  for (const subcommand of [signCommand(), verify(), key()]) command.addCommand(subcommand);
  return command;
};

const asJson = ({ serial, epoch, servers }: Farm): object =>
  ({ serial, epoch, servers: [...servers.values()].map(({ name, resultKeys }) => ({ name, resultKeys: [...resultKeys.keys()] })) });

const noKeys = 'none: its results do not count';

const show = (): Command =>
  new Command('show')
    .description('the farm file that client.jsonc trusts')
    .option('--json', 'for scripts')
    .action(async ({ json }: { json?: boolean }) => {
      const { farm } = await loadClientConfig(process.env);
      if (farm === undefined) throw new WardError('config-invalid', 'client.jsonc names no farm file: trust.farm.');
      const { file, problem, signedBy, trustedComment } = farm;
      if (json === true) return printJson({ file, ...asJson(farm), signedBy, trustedComment, problem });
      print(`${file}: ${summary(farm)}`);
      if (problem !== undefined) print(`An older version is in force for some minutes: ${printable(problem)}`);
      const rows = [...farm.servers.values()].map(({ name, resultKeys }) => [name, [...resultKeys.keys()].join(' ') || noKeys]);
      print(table([['SERVER', 'RESULT KEYS'], ...rows]));
    });

const summary = ({ serial, epoch, signedBy, trustedComment }: SignedFarm): string =>
  `serial ${serial}, epoch ${epoch}, signed by ${signedBy} (${printable(trustedComment)})`;

interface SignOptions {
  readonly key: string;
  readonly passphraseFile?: string;
  readonly notAfter?: string;
}

const signCommand = (): Command =>
  new Command('sign')
    .description('check a farm file and sign it: FILE.minisig, as minisign would')
    .argument('<file>', 'farm file')
    .requiredOption('--key <file>', 'secret key of minisign')
    .option('--passphrase-file <file>', 'passphrase of the key, in place of asking for it')
    .option('--not-after <time>', 'when the signature ends, such as 2027-12-31')
    .action(async (file: string, { key: keyFile, passphraseFile, notAfter }: SignOptions) => {
      const { serial, epoch } = await loadFarm(file);
      if (notAfter !== undefined && Number.isNaN(Date.parse(notAfter))) {
        throw new WardError('usage', `--not-after takes a time such as 2027-12-31, not ${notAfter}.`);
      }
      const passphrase = (): Promise<string> => readPassphrase(passphraseFile, { prompt: `Passphrase of ${keyFile}: ` });
      const secret = await parseSecretKey((await readBounded(keyFile, 4096)).toString('utf8'), keyFile, passphrase);
      const end = notAfter === undefined ? '' : ` not-after:${new Date(notAfter).toISOString()}`;
      const comment = `wardcc farm serial:${serial} epoch:${epoch}${end}`;
      writeFileSync(signatureFile(file), sign(await readBounded(file), secret, comment), { mode: 0o644 });
      print(`${signatureFile(file)}: serial ${serial}, epoch ${epoch}`);
    });

/** A key as it stands, or in a `.pub` file. */
const publicKey = (text: string): PublicKey =>
  (/^RW[A-Za-z0-9+/]{54}$/.test(text) ? parsePublicKey(text, '--public-key') : parsePublicKey(readFileSync(text, 'utf8'), text));

const verify = (): Command =>
  new Command('verify')
    .description('check a farm file and its signature')
    .argument('<file>', 'farm file')
    .requiredOption('--public-key <key>', 'public key of minisign, or a file with one')
    .action(async (file: string, { publicKey: text }: { publicKey: string }) => {
      print(`${file}: ${summary(await loadSignedFarm({ file, keys: [publicKey(text)] }))}`);
    });

const key = (): Command =>
  new Command('key')
    .description('make a key pair, the secret key in clear (minisign -G puts it under a passphrase)')
    .argument('<file>', 'where to write the secret key')
    .action((file: string) => {
      const secret = makeKey();
      try {
        writeFileSync(file, formatClearKey(secret), { mode: 0o600, flag: 'wx' });
      } catch (cause) {
        throw new WardError('usage', `${file} cannot be written: ${(cause as Error).message}`, { cause });
      }
      print(formatPublicKey(publicKeyOf(secret)));
    });
