/**
 * `wardctl certs`: the commands of the small certificate authority. Passphrases come from a prompt or a file, never from an
 * argument, which every user of the machine could read.
 *
 * @module
 */

import { X509Certificate } from 'node:crypto';
import { accessSync, constants, existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { initAuthority, listIssued, openAuthority } from '../certs/authority.ts';
import type { Authority, Issued, IssuedWithKey, RequestNames } from '../certs/authority.ts';
import { revocationReasons, type RevocationReason } from '../certs/certificate.ts';
import { readText, writeAtomically } from '../certs/files.ts';
import { isEncrypted } from '../certs/keys.ts';
import { readPassphrase } from './passphrase.ts';
import { WardError } from '../protocol/errors.ts';

interface KeyOptions {
  dir: string;
  passphraseFile?: string;
}

interface NameOptions extends KeyOptions {
  server?: string[];
  user?: string;
  uri?: string[];
  email?: string[];
  upn?: string[];
  days?: number;
  out?: string;
  json?: boolean;
}

const whole = (text: string): number => {
  if (!/^[1-9][0-9]{0,4}$/.test(text)) throw new InvalidArgumentError('a whole number of days is expected.');
  return Number(text);
};

const collect = (value: string, previous: string[] | undefined): string[] => [...(previous ?? []), value];

const print = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

const open = async ({ dir, passphraseFile }: KeyOptions): Promise<Authority> => {
  const keyPath = join(dir, 'ca.key');
  const locked = existsSync(keyPath) && isEncrypted(readText(keyPath));
  return openAuthority(dir, locked ? await readPassphrase(passphraseFile, { prompt: `Passphrase of ${keyPath}: ` }) : undefined);
};

const dirOption = (): Option => new Option('-d, --dir <dir>', 'directory of the CA').default('.');
const passphraseOption = (): Option => new Option('--passphrase-file <file>', 'read the passphrase from the first line of this file');

/** Writes the certificate, and the key if we made it, as STEM.pem and STEM.key. */
const store = (stem: string, issued: Issued | IssuedWithKey): string[] => {
  const written = [`${stem}.pem`];
  if ('keyPem' in issued) {
    writeAtomically(`${stem}.key`, issued.keyPem, { mode: 0o600, exclusive: true });
    written.push(`${stem}.key`);
  }
  writeAtomically(`${stem}.pem`, issued.certPem, { mode: 0o644, exclusive: true });
  return written;
};

const announce = (issued: Issued, files: string[], json = false): void => {
  if (json) print(JSON.stringify({ serial: issued.serial, notAfter: issued.notAfter.toISOString(), files }));
  else print(`${files.join(' and ')} written: serial ${issued.serial}, valid until ${issued.notAfter.toISOString()}.`);
};

/** Before anything is issued: a certificate that could not be written would stand in the list for nothing. */
const refuseUnwritable = (...paths: string[]): void => {
  for (const path of paths) {
    if (existsSync(path)) throw new WardError('certs-refused', `${path} exists already; it is not replaced.`);
    try {
      accessSync(dirname(path), constants.W_OK);
    } catch (cause) {
      throw new WardError('certs-refused', `${path} cannot be written (${(cause as NodeJS.ErrnoException).code ?? 'error'}).`, { cause });
    }
  }
};

/** What `revoke` was given: a certificate in a file, or a serial number. */
const revocable = (what: string): string | X509Certificate => {
  if (!existsSync(what)) return what;
  try {
    return new X509Certificate(readText(what));
  } catch (cause) {
    throw new WardError('certs-refused', `${what} holds no certificate in PEM form.`, { cause });
  }
};

const wanted = ({ server, user, uri, email, upn }: NameOptions): RequestNames => {
  if ((server === undefined) === (user === undefined)) {
    throw new WardError('usage', 'Say what the certificate is for: either --server NAME… or --user NAME.');
  }
  if (server !== undefined) {
    if ((uri ?? email ?? upn) !== undefined) {
      throw new WardError('usage', '--uri, --email and --upn name users; a server has only --server.');
    }
    return { server };
  }
  return { user: user ?? '', ...(uri && { uris: uri }), ...(email && { emails: email }), ...(upn && { upns: upn }) };
};

const defaultStem = ({ out, server, user }: NameOptions): string => out ?? (server?.[0] ?? user ?? '').replace(/[^A-Za-z0-9._@+-]/g, '_');

const withNames = (command: Command): Command => command
  .option('--server <name...>', 'for a server with these DNS names or IP addresses')
  .option('--user <name>', 'for a person')
  .option('--uri <uri>', 'name the person by this URI instead of wardcc-user:NAME (repeatable)', collect)
  .option('--email <address>', 'name the person by this e-mail address instead (repeatable)', collect)
  .option('--upn <user@domain>', 'name the person by this user principal name instead (repeatable)', collect)
  .option('--days <n>', 'life in days (default 365, never beyond the CA)', whole)
  .option('--out <stem>', 'write STEM.pem and STEM.key (default: the name)')
  .option('--json', 'print what was written as JSON')
  .addOption(dirOption()).addOption(passphraseOption());

const init = (): Command => new Command('init')
  .description('make a CA in a new directory')
  .argument('<dir>')
  .option('--name <name>', 'common name of the CA', 'wardcc CA')
  .option('--dev', 'a throwaway CA: key not encrypted, names constrained to this machine')
  .option('--permit-dns <domain>', 'only this domain and those below it (repeatable)', collect)
  .option('--permit-uri <host>', 'only URIs of this host, or below .host (repeatable)', collect)
  .option('--permit-email <domain>', 'only addresses of this domain (repeatable)', collect)
  .option('--permit-ip <cidr>', 'only addresses of this network (repeatable)', collect)
  .option('--days <n>', 'life of the CA in days', whole, 3650)
  .addOption(passphraseOption())
  .action(async (dir: string, options: { name: string; dev?: boolean; days: number; passphraseFile?: string;
    permitDns?: string[]; permitUri?: string[]; permitEmail?: string[]; permitIp?: string[] }) => {
    const { name, dev = false, days, permitDns, permitUri, permitEmail, permitIp } = options;
    const permit = {
      ...(permitDns && { dns: permitDns }), ...(permitUri && { uri: permitUri }),
      ...(permitEmail && { email: permitEmail }), ...(permitIp && { ip: permitIp }),
    };
    const isConstrained = Object.keys(permit).length > 0;
    const isOpen = dev && options.passphraseFile === undefined;
    const prompt = 'Passphrase for the new CA key: ';
    const key = isOpen ? {} : { passphrase: await readPassphrase(options.passphraseFile, { prompt, twice: true }) };
    await initAuthority(resolve(dir), { name, dev, days, ...key, ...(isConstrained ? { permit } : {}) });
    print(`${join(dir, 'ca.pem')} is the certificate to trust and ${join(dir, 'crl.pem')} its revocation list.`);
    if (!isConstrained && !dev) {
      print('The CA may certify any name: --permit-dns, --permit-uri and --permit-email would limit what a stolen key is good for.');
    }
  });

const issue = (): Command => withNames(new Command('issue').description('make a key and a certificate'))
  .action(async (options: NameOptions) => {
    const names = wanted(options);
    const stem = defaultStem(options);
    refuseUnwritable(`${stem}.pem`, `${stem}.key`);
    const authority = await open(options);
    const life = options.days === undefined ? {} : { days: options.days };
    const issued = 'server' in names
      ? await authority.issueServer(names.server, life)
      : await authority.issueUser(names.user, { ...names, ...life });
    announce(issued, store(stem, issued), options.json);
  });

const sign = (): Command => withNames(new Command('sign')
  .description('certify the key of a signing request; the names are those given here')
  .argument('<csr>'))
  .action(async (csr: string, options: NameOptions) => {
    const names = wanted(options);
    const stem = defaultStem(options);
    refuseUnwritable(`${stem}.pem`);
    const request = readText(csr);
    const authority = await open(options);
    const issued = await authority.signRequest(request, names, options.days === undefined ? {} : { days: options.days });
    announce(issued, store(stem, issued), options.json);
  });

const revoke = (): Command => new Command('revoke')
  .description('revoke a certificate, given as file or serial number, and write a new list')
  .argument('<file or serial>')
  .addOption(new Option('--reason <reason>').choices(Object.keys(revocationReasons)).default('unspecified'))
  .option('--days <n>', 'life of the new list', whole, 30)
  .addOption(dirOption()).addOption(passphraseOption())
  .action(async (what: string, options: KeyOptions & { reason: RevocationReason; days: number }) => {
    const authority = await open(options);
    const entry = await authority.revoke(revocable(what), options.reason);
    await authority.writeCrl({ days: options.days });
    const list = join(options.dir, 'crl.pem');
    print(`${entry.kind} ${entry.name}, serial ${entry.serial}, is revoked; install the new ${list} on every server.`);
  });

const crl = (): Command => new Command('crl')
  .description('write a new revocation list')
  .option('--days <n>', 'life of the list; servers refuse everybody when it ends', whole, 30)
  .addOption(dirOption()).addOption(passphraseOption())
  .action(async (options: KeyOptions & { days: number }) => {
    await (await open(options)).writeCrl({ days: options.days });
    print(`${join(options.dir, 'crl.pem')} written.`);
  });

const list = (): Command => new Command('list')
  .description('list what the CA has issued')
  .option('--json', 'as a JSON array')
  .addOption(dirOption())
  .action((options: { dir: string; json?: boolean }) => {
    if (!existsSync(join(options.dir, 'index.jsonl'))) {
      throw new WardError('certs-refused', `${options.dir} holds no CA; wardctl certs init makes one.`);
    }
    const entries = listIssued(options.dir);
    if (options.json) return print(JSON.stringify(entries, undefined, 2));
    for (const { serial, status, kind, notAfter, name } of entries) {
      print(`${serial}  ${status.padEnd(7)}  ${kind.padEnd(6)}  until ${notAfter}  ${name}`);
    }
  });

/** The `certs` command, to be added to `wardctl`. Errors are thrown as WardError. */
export const certsCommand = (): Command => {
  const command = new Command('certs').description('the small certificate authority');
  for (const subcommand of [init(), issue(), sign(), revoke(), crl(), list()]) command.addCommand(subcommand);
  return command;
};
