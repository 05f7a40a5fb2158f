import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { formatPublicKey, parsePublicKey, parseSignature, printKeyId } from '../../../policy/signature/format.ts';
import { sign, verifySignature } from '../../../policy/signature/minisign.ts';
import { formatClearKey, makeKey, parseSecretKey, publicKeyOf } from '../../../policy/signature/secret-key.ts';
import { WardError } from '../../../protocol/errors.ts';
import { temporaryDirectory } from '../../fixtures/temporary.ts';

interface Minisign {
  readonly directory: string;
  run(...args: string[]): string;
  read(name: string): Buffer;
  write(name: string, content: string | Buffer): void;
}

/** The real minisign in a directory of its own; the passphrase is always `correct horse`. */
const minisign = async (t: ExecutionContext): Promise<Minisign> => {
  const directory = await temporaryDirectory(t);
  return {
    directory,
    run: (...args) => {
      // It does not always read what it is given, so a broken pipe is no failure.
      const { status, stdout, stderr } = spawnSync('minisign', args, { cwd: directory, encoding: 'utf8', input: 'correct horse\ncorrect horse\n' });
      if (status !== 0) throw new Error(`minisign ${args.join(' ')}: ${stdout}${stderr}`);
      return stdout;
    },
    read: (name) => readFileSync(join(directory, name)),
    write: (name, content) => writeFileSync(join(directory, name), content, { mode: 0o600 }),
  };
};

const noPassphrase = (): string => {
  throw new Error('no passphrase is needed');
};

test('what minisign signed we verify, what we sign minisign verifies; keys are read and made both ways', async (t) => {
  const { run, read, write } = await minisign(t);
  run('-G', '-W', '-p', 'theirs.pub', '-s', 'theirs.key');
  const theirs = parsePublicKey(read('theirs.pub').toString(), 'theirs.pub');
  const ours = makeKey();
  write('ours.key', formatClearKey(ours));
  for (const [index, content] of [Buffer.alloc(0), Buffer.from('one line\n'), randomBytes(100_000)].entries()) {
    const name = `file${index}`;
    write(name, content);
    run('-S', '-s', 'theirs.key', '-m', name, '-t', `serial:${index} a comment with spaces`);
    const verified = verifySignature({ bytes: content, signature: read(`${name}.minisig`).toString(), keys: [publicKeyOf(ours), theirs], file: name });
    t.is(verified.trustedComment, `serial:${index} a comment with spaces`);
    t.is(verified.key, theirs);

    write(`${name}.minisig`, sign(content, await parseSecretKey(read('theirs.key').toString(), 'theirs.key', noPassphrase), 'from us'));
    t.regex(run('-V', '-p', 'theirs.pub', '-m', name), /Trusted comment: from us/);
    write(`${name}.ours`, sign(content, ours, ''));
    t.regex(run('-V', '-P', formatPublicKey(publicKeyOf(ours)), '-m', name, '-x', `${name}.ours`), /verified/);
    run('-S', '-s', 'ours.key', '-m', name, '-x', `${name}.again`);
    t.notThrows(() => verifySignature({ bytes: content, signature: read(`${name}.again`).toString(), keys: [publicKeyOf(ours)], file: name }));
  }
});

test('a key under a passphrase is opened by it and by no other', async (t) => {
  t.timeout(120_000);
  const { run, read, write } = await minisign(t);
  run('-G', '-p', 'k.pub', '-s', 'k.key');
  const text = read('k.key').toString();
  const key = await parseSecretKey(text, 'k.key', () => 'correct horse');
  write('file', 'content');
  write('file.minisig', sign(Buffer.from('content'), key, 'x'));
  t.regex(run('-V', '-p', 'k.pub', '-m', 'file'), /verified/);
  t.is(formatPublicKey(publicKeyOf(key)), read('k.pub').toString().split('\n')[1] ?? '');
  await t.throwsAsync(parseSecretKey(text, 'k.key', () => 'wrong horse'), { instanceOf: WardError, code: 'config-invalid', message: 'k.key: the passphrase is wrong' });
});

const key = makeKey();
const keys = [publicKeyOf(key)];
const bytes = Buffer.from('the file');
const signed = sign(bytes, key, 'trusted words', 'untrusted words');
const refused = (t: ExecutionContext, signature: string, message: RegExp, content = bytes, now?: number): void => {
  const error = t.throws(() => verifySignature({ bytes: content, signature, keys, file: 'f.minisig' }, now), { instanceOf: WardError });
  t.is(error.code, 'config-invalid');
  t.regex(error.message, message);
};

test('a signature over other bytes, by another key, or with another trusted comment is refused', (t) => {
  refused(t, signed, /f\.minisig: the signature is not valid for the file/, Buffer.from('the file '));
  refused(t, signed.replace('trusted comment: trusted words', 'trusted comment: other words'), /the trusted comment is not the one that was signed/);
  const stranger = makeKey();
  refused(t, sign(bytes, stranger, 'x'), new RegExp(`the signature is of the key ${printKeyId(stranger.id)}, which does not count here`));
  refused(t, sign(bytes, { id: key.id, key: stranger.key }, 'x'), /the signature is not valid for the file/);
  t.notThrows(() => verifySignature({ bytes, signature: signed.replace('untrusted words', 'anything'), keys, file: 'f' }));
});

test('a signature of the old kind, over the whole file, is refused', async (t) => {
  const { run, read, write } = await minisign(t);
  run('-G', '-W', '-p', 'k.pub', '-s', 'k.key');
  write('file', 'x');
  run('-S', '-l', '-s', 'k.key', '-m', 'file');
  t.throws(
    () => verifySignature({ bytes: Buffer.from('x'), signature: read('file.minisig').toString(), keys: [parsePublicKey(read('k.pub').toString(), 'k')], file: 'f' }),
    { instanceOf: WardError, code: 'config-invalid', message: 'f: the signature is of the old kind, over the whole file: sign with minisign -H' },
  );
});

test('a trusted comment may say from when and until when the signature counts', (t) => {
  const limited = sign(bytes, key, 'serial:3 not-before:2026-01-01T00:00:00Z not-after:2026-12-31');
  const at = (text: string): number => Date.parse(text);
  refused(t, limited, /the signature counts from 2026-01-01T00:00:00\.000Z on/, bytes, at('2025-12-31'));
  t.notThrows(() => verifySignature({ bytes, signature: limited, keys, file: 'f' }, at('2026-06-01')));
  refused(t, limited, /the signature ended at 2026-12-31T00:00:00\.000Z/, bytes, at('2027-01-01'));
  refused(t, sign(bytes, key, 'not-after:2026-99-99'), /a time that is none/);
});

test('every character of a signature counts, but for the untrusted comment', (t) => {
  const text = Buffer.from(signed);
  for (let at = signed.indexOf('\n') + 1; at < text.length; at++) {
    const changed = Buffer.from(text);
    changed[at]! ^= 1 << (at % 7);
    t.throws(() => verifySignature({ bytes, signature: changed.toString('utf8'), keys, file: 'f' }), { instanceOf: WardError }, String(at));
  }
});

test('a signature and a key have one spelling', async (t) => {
  const [first = '', second = '', third = '', fourth = ''] = signed.split('\n');
  for (const text of [
    '', `${first}\n${second}\n${third}\n`, `${signed}more\n`, `${first}\n${second} \n${third}\n${fourth}\n`, `${first}\n${second}\n${third}\n${fourth}=\n`,
    `${second}\n${second}\n${third}\n${fourth}\n`, `${first}\n${second}\ntrusted comment\n${fourth}\n`, `${first}\n${second}\n${third}\u0007\n${fourth}\n`,
  ]) t.throws(() => parseSignature(text, 'f'), { instanceOf: WardError, message: 'f: this is no signature of minisign' }, text);
  const base64 = formatPublicKey(keys[0]!);
  t.deepEqual(parsePublicKey(base64, 'k'), parsePublicKey(`untrusted comment: x\n${base64}\n`, 'k'));
  for (const text of ['', `${base64} `, base64.slice(1), `x\n${base64}`, `untrusted comment: x\n${base64}\nmore`, base64.replace('R', 'S')]) {
    t.throws(() => parsePublicKey(text, 'k'), { instanceOf: WardError, message: 'k: this is no public key of minisign' }, text);
  }
  for (const text of ['', 'untrusted comment: x\nRW==\n', formatClearKey(key).replace('RWQAAEIy', 'RWQBAEIy')]) {
    await t.throwsAsync(parseSecretKey(text, 's', noPassphrase), { instanceOf: WardError, message: 's: this is no secret key of minisign' });
  }
});

test('any text as a signature is one or is refused', (t) => {
  fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 400 }), (text) => {
    t.throws(() => verifySignature({ bytes, signature: text, keys, file: 'f' }), { instanceOf: WardError });
  }), { numRuns: 1000 });
});
