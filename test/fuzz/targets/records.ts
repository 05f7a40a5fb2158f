/**
 * Policies, access lists, keys, lists of revocations, log lines, and what processes of one machine say to each other.
 *
 * @module
 */
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { initAuthority } from '../../../certs/authority.ts';
import { fromPem, toPem } from '../../../certs/der.ts';
import { parseSshKey } from '../../../certs/openssh/key.ts';
import { RevokedKeys } from '../../../certs/openssh/revoked-keys.ts';
import { readRevocations } from '../../../certs/revocations.ts';
import { decodeRequest } from '../../../client/agent/launcher-protocol.ts';
import { parseHostsVariable } from '../../../client/farm/hosts.ts';
import { cvsReader } from '../../../policy/committers/cvs/reader.ts';
import { compilePattern } from '../../../policy/committers/gitolite/pattern.ts';
import { gitoliteReader } from '../../../policy/committers/gitolite/reader.ts';
import { readAnswer } from '../../../policy/committers/ldap/start-tls.ts';
import { parseCommitterList } from '../../../policy/committers/list.ts';
import { admits, parseAllowedSigners } from '../../../policy/committers/openssh/allowed-signers.ts';
import { accessOf, parseAuthz } from '../../../policy/committers/subversion/authz.ts';
import { compileSchema, parseJsonc } from '../../../policy/jsonc.ts';
import { checkPolicyText } from '../../../policy/load.ts';
import { chainStart, formatRecord, isTornLine, parseLine, readRecord } from '../../../policy/log/record.ts';
import { parsePrincipal } from '../../../policy/principal.ts';
import { provenanceOf, readEnvelope } from '../../../policy/provenance.ts';
import { envelopeOf, statementOf } from '../../../protocol/statement.ts';
import { MessageDecoder, encodeMessage } from '../../../server/ipc/framing.ts';
import { parseAuthInfo } from '../../../server/ssh-bridge/auth-info.ts';
import { parseRecord } from '../../../server/store/result-record.ts';
import { attempt, must, refusal, shape, some, type Target } from '../target.ts';

const texts = (...all: string[]): Buffer[] => all.map((text) => Buffer.from(text));
const utf8 = (input: Buffer): string => input.toString('utf8');
const example = (name: string): Buffer => readFileSync(new URL(`../../../policy/examples/${name}`, import.meta.url));

const policy: Target = {
  name: 'policy',
  maxBytes: 8192,
  words: [
    '"rules"', '"effect": "deny"', '"who": ["*"]', '"group:x"', '"__proto__": 1', '"serial": 1,', '"limits"', '"quota"', '"anchors"',
    '{user}', '//', '/*', ',', '"because"', 'cert:', '"source:a"',
  ],
  seeds: () => [
    example('policy.jsonc'), ...texts('{"serial":1,"mechanisms":["cert"],"identities":[],"committers":{"sources":[]},"rules":[]}'),
  ],
  run: (input) => [...new Set(checkPolicyText(utf8(input), 'p.jsonc').map(({ message }) => shape(message)))].slice(0, 3).join('|'),
};

const anything = compileSchema<unknown>({ type: 'object' });
const jsonc: Target = {
  name: 'jsonc',
  words: ['//', '/*', '*/', ',', '{', '}', '[', ']', '"a":', 'null', '1e5', '\\u0000', '\ufeff', '"a": 1, "a": 2', '"__proto__": {"x": 1}'],
  seeds: () => [example('client.jsonc'), example('server.jsonc'), ...texts('{ // c\n "a": [1, 2,], /* d */ "b": {"c": null} }')],
  run: (input) => attempt(() => parseJsonc<Record<string, unknown>>(utf8(input), 'f.jsonc', anything), (value) => {
    must(Object.getPrototypeOf(value) === Object.prototype || Object.getPrototypeOf(value) === null, 'a prototype was set');
    return some(Object.keys(value).length);
  }, 'config-invalid'),
};

const authz: Target = {
  name: 'authz',
  words: [
    '[groups]', '[/]', '[aliases]', '[:glob:/**/x*]', '* = rw', '@g = r', '&a = ', '~u = ', '$anonymous = ', '\n', '\t', '%(x)s',
    '[r:/a/b]', '@g, h',
  ],
  seeds: () => texts(
    '[groups]\ng = a, b\n[/]\n@g = rw\n* = r\n', '[aliases]\nx = y\n[repo:/trunk]\n&x = rw\n~@g = \n',
    '[:glob:/**/*.c]\n$authenticated = rw\n',
  ),
  run: (input) => attempt(() => parseAuthz(utf8(input), 'authz'), (parsed) => ['alice', undefined].flatMap((user) => ['/', '/trunk/a.c'].map((path) =>
    accessOf(parsed, { user, repository: 'repo', path }))).join(','), 'config-invalid'),
};

const gitolite: Target = {
  name: 'gitolite',
  words: [
    'repo ', 'RW+ ', 'R = ', '- = ', '@all', '@g = ', '\n', 'include "x.conf"', 'subconf', 'option deny-rules = 1', 'refs/heads/[a-z]+$',
    'CREATOR', '%HOSTNAME', '\\\n', 'VREF/',
  ],
  seeds: () => texts(
    '@g = a b\nrepo main @r\n    RW+ = @g\n    RW release/ = c\n    - master = d\n',
    'repo .*\n  R = @all\n  option deny-rules = 1\n  RW = alice\n',
  ),
  run: async (input) => {
    const readFile = async (path: string): Promise<Buffer> => {
      if (path !== '/g/gitolite.conf') throw Object.assign(new Error('no such file'), { code: 'ENOENT' });
      return input;
    };
    try {
      const membership = await gitoliteReader({ file: '/g/gitolite.conf', repository: 'main' } as never, readFile as never).read();
      return `${String(membership.has('alice'))} ${String(membership.has('nobody'))} ${some(membership.names?.length ?? 0)}`;
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return 'another file';
      return refusal(thrown, 'config-invalid');
    }
  },
};

const pattern: Target = {
  name: 'pattern',
  maxBytes: 256,
  words: ['(a+)+$', '.*', '[^a-z]', '{2,5}', '(?:', '(?=', '\\d', '\\b', '^', '$', '|', '[[:alpha:]]', '\\1', '*?'],
  seeds: () => texts('refs/heads/[a-z]+', '^(?:a|b)*c{1,3}$', 'release/\\d+\\.\\d+'),
  run: (input) => {
    try {
      return `matches ${compilePattern(utf8(input)).test('refs/heads/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!')}`;
    } catch (thrown) {
      if (thrown instanceof SyntaxError) return `no: ${shape(thrown.message)}`;
      throw thrown;
    }
  },
};

const lists: Target = {
  name: 'lists',
  words: ['#', '\r\n', '\ufeff', '\0', '*', 'namespaces="git"', 'valid-after="2020"', 'cert-authority', 'ssh-ed25519 ', '"', '\\'],
  seeds: () => texts('alice\nbob # the builder\n', `alice@x namespaces="git" ${key()}\n`, 'a*,!b ssh-ed25519 AAAA\n'),
  run: async (input) => {
    const list = attempt(() => parseCommitterList(utf8(input), 'l'), (names) => some(names.size), 'config-invalid');
    const signers = attempt(
      () => parseAllowedSigners(utf8(input), 's'),
      (all) => `${all.length} ${all.some((signer) => admits(signer, { principal: 'alice@x', namespace: 'git', time: 0 }))}`,
      'config-invalid',
    );
    const cvs = await cvsReader({ file: '/c' } as never, (async () => input) as never).read().then(
      (found: { has(name: string): boolean }) => String(found.has('alice')), (thrown: unknown) => refusal(thrown, 'config-invalid'),
    );
    return `${list}|${signers}|${cvs}`;
  },
};

/** An SSH public key as a line. */
const key = (): string => {
  const { publicKey } = generateKeyPairSync('ed25519');
  const raw = publicKey.export({ format: 'der', type: 'spki' }).subarray(-32);
  const string = (bytes: Buffer): Buffer => Buffer.concat([Buffer.from([0, 0, 0, bytes.length]), bytes]);
  return `ssh-ed25519 ${Buffer.concat([string(Buffer.from('ssh-ed25519')), string(raw)]).toString('base64')}`;
};

/** Base64 between the words of a line is what is changed, so that changes reach the binary part. */
const sshKey: Target = {
  name: 'ssh-key',
  words: ['ssh-ed25519', 'ssh-rsa', 'ssh-ed25519-cert-v01@openssh.com', Buffer.from([0, 0, 0, 11])],
  seeds: () => [
    Buffer.from(key().split(' ')[1]!, 'base64'),
    ...['ssh-ed25519-cert-v01@openssh.com', 'ecdsa-sha2-nistp256'].map(
      (type) => Buffer.concat([Buffer.from([0, 0, 0, type.length]), Buffer.from(type), Buffer.alloc(200)])
    ),
  ],
  run: (input) => {
    const type = input.toString('latin1', 4, 4 + Math.min(64, input.length >= 4 ? input.readUInt32BE(0) : 0));
    const parsed = attempt(
      () => parseSshKey(`${type} ${input.toString('base64')}`), ({ certificate }) => (certificate === undefined ? 'key' : 'certificate'),
      'certificate-invalid',
    );
    return `${parsed}|${attempt(() => new RevokedKeys(Buffer.concat([Buffer.from('SSHKRL\n\0', 'latin1'), input])), () => 'list', 'config-invalid')}|${attempt(() => new RevokedKeys(input), () => 'text', 'config-invalid')}`;
  },
};

let crlMaterial: Promise<{ list: Buffer; authority: X509Certificate }> | undefined;
const makeCrl = async (): Promise<{ list: Buffer; authority: X509Certificate }> => {
  const directory = await mkdtemp(join(tmpdir(), 'wardcc-fuzz-'));
  try {
    const authority = await initAuthority(join(directory, 'ca'), { dev: true });
    const user = await authority.issueUser('alice');
    await authority.revoke(user.serial, 'keyCompromise');
    return { list: fromPem(await authority.writeCrl(), 'X509 CRL')[0]!, authority: new X509Certificate(authority.caPem) };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
};

const crl: Target = {
  name: 'crl',
  words: [
    Buffer.from([0x30, 0x82]), Buffer.from([0x30, 0x80]), Buffer.from([0x02, 0x01]), Buffer.from([0x17, 0x0d]),
    Buffer.from([0x04, 0x84, 0xff, 0xff, 0xff, 0xff]),
  ],
  seeds: async () => [(await (crlMaterial ??= makeCrl())).list],
  run: async (input) => {
    const { list, authority } = await (crlMaterial ??= makeCrl());
    const der = attempt(() => readRevocations(toPem('X509 CRL', input), [authority]), () => {
      must(input.equals(list), 'a changed list is taken for a signed one');
      return 'list';
    }, 'crl-missing');
    return `${der}|${attempt(() => readRevocations(input.toString('latin1'), [authority]), () => 'list', 'crl-missing')}`;
  },
};

const launcher: Target = {
  name: 'launcher',
  seeds: () => {
    const record = (tag: string, bytes: Buffer): Buffer => {
      const head = Buffer.alloc(5);
      head.write(tag, 0, 'latin1');
      head.writeUInt32LE(bytes.length, 1);
      return Buffer.concat([head, bytes]);
    };
    const number = (value: number): Buffer => {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32LE(value);
      return bytes;
    };
    return [Buffer.concat([
      ...['gcc', '-c', 'a.c'].map(
        (word) => record('A', Buffer.from(word))
      ), record('K', Buffer.from('/usr/bin/gcc')), record('C', Buffer.from('/w')), record('U', number(18)),
      record('H', Buffer.from('/usr/bin')), record('E', Buffer.from('A=b')), record('N', Buffer.from('mnt')), record('T', Buffer.alloc(5)), record('D', number(1)),
    ])];
  },
  words: ['A', 'E', 'C', 'K', Buffer.from([0xff, 0xff, 0xff, 0xff]), '__proto__=x'],
  run: (input) => attempt(
    () => decodeRequest(input), ({ argv, env, isUtf8 }) => `${some(argv.length)} ${some(Object.keys(env).length)} ${isUtf8}`,
    'protocol-violation',
  ),
};

const logLine: Target = {
  name: 'log-line',
  words: ['"seq":', '"prev":"', '"hash":"', '"}', '0'.repeat(64), '\n', '}'],
  seeds: () => {
    const first = formatRecord(chainStart, { event: 'server.started', server: 's' } as never, new Date(0));
    const second = formatRecord(first.end, { event: 'job.denied', server: 's', principal: 'cert:a' } as never, new Date(1));
    return [first.line, second.line].map((line) => Buffer.from(line.trimEnd()));
  },
  run: (input) => {
    const parsed = parseLine(input);
    const torn = isTornLine(input, chainStart);
    if (typeof parsed === 'string') return `${shape(parsed)} ${torn}`;
    return `record ${readRecord(parsed.text) !== undefined} ${torn}`;
  },
};

const result: Target = {
  name: 'result-record',
  words: ['"outputs":', '"digest":', 'null', '[]', '-1', '1e99', '"__proto__":'],
  seeds: () => {
    const part = { digest: 'a'.repeat(64), size: 1 };
    return texts(
      JSON.stringify(
        {
          action: 'x', server: 's', epoch: 1, job: 1, principal: 'cert:a', domain: 'd', policy: 'p', toolchain: 't', finished: '', names: ['/a.o'],
          stdout: part, stderr: part, outputs: [{ index: 0, mode: 420, ...part }], key: 'k', signature: 'c2ln',
        }
      )
    );
  },
  run: (input) => attempt(() => parseRecord(utf8(input), 'x'), ({ outputs }) => some(outputs.length), 'blob-corrupt'),
};

const claim = {
  server: 's', epoch: 1, job: 1, principal: 'cert:a', domain: 'd', policy: 'p', toolchain: 'a'.repeat(64), action: 'b'.repeat(64), finished: '2026',
};
const statement = (): string => {
  const part = { digest: 'a'.repeat(64), size: 1 };
  return statementOf(claim, { stdout: part, stderr: part, outputs: [{ index: 0, mode: 420, ...part }] }, ['/a.o']);
};
const provenance: Target = {
  name: 'provenance',
  words: ['"subject":', '"sha256":', '"predicate":', 'wardcc-server:', 'null', '[]', '{}', '-1', '1e99', '"__proto__":'],
  // The statement itself, and an envelope with one: which of the two an input is, its own form says.
  seeds: () => texts(statement(), JSON.stringify(envelopeOf(statement(), { key: 'k', signature: 'c2ln' }))),
  run: (input) => [
    attempt(() => provenanceOf(envelopeOf(utf8(input), { key: 'k', signature: '' }), 'e'), ({ subjects }) => some(subjects.length), 'config-invalid'),
    attempt(() => readEnvelope(utf8(input), 'e'), ({ payload }) => some(payload.length), 'config-invalid'),
  ].join('|'),
};

const ipc: Target = {
  name: 'ipc',
  seeds: () => [Buffer.concat(encodeMessage({ type: 'run', job: '1' }, Buffer.from('tree'))), Buffer.concat(encodeMessage({}))],
  words: [Buffer.from([0xff, 0xff, 0xff, 0xff]), '{}', '[]', 'null'],
  run: (input) => {
    const cut = (size: number): string => {
      const decoder = new MessageDecoder();
      let count = 0;
      try {
        for (let at = 0; at < input.length; at += size) {
          decoder.push(input.subarray(at, at + size));
          for (let message = decoder.next(); message !== undefined; message = decoder.next()) count += Object.keys(message.json).length + 1;
        }
      } catch (thrown) {
        return `${count} ${refusal(thrown, 'protocol-violation', 'limit-exceeded', 'frame-too-large')}`;
      }
      return String(count);
    };
    const whole = cut(input.length + 1);
    must(whole === cut(7), 'messages depend on how their bytes are cut');
    return shape(whole);
  },
};

const names: Target = {
  name: 'names',
  words: ['cert:', 'ssh://', '[::1]', ':7632', '/4', '@', 'local/', ' ', '-oProxyCommand=x', '%', '\u0000'],
  seeds: () => texts('build1:7632/4 [::1]:1 ssh://alice@build2:22 local/2', 'cert:alice@corp.example', 'publickey ssh-ed25519 AAAA\n'),
  run: (input) => {
    const text = utf8(input);
    const hosts = attempt(() => parseHostsVariable(text), (list) => {
      must(!JSON.stringify(list).includes('"host":"-'), 'a host begins with a dash');
      return 'hosts';
    }, 'config-invalid');
    return `${hosts}|${parsePrincipal(text)?.mechanism}|${attempt(() => parseAuthInfo(text), (methods) => some(methods.length), 'ssh-refused')}`;
  },
};

const ldap: Target = {
  name: 'ldap-answer',
  seeds: () => [Buffer.from('300c02010178070a010004000400', 'hex'), Buffer.from('30820001', 'hex')],
  words: [Buffer.from([0x30, 0x84, 0x7f, 0xff, 0xff, 0xff]), Buffer.from([0x0a, 1, 0])],
  run: (input) => {
    try {
      return `whole ${readAnswer(input)}`;
    } catch (thrown) {
      if (thrown instanceof Error && thrown.constructor === Error) return shape(thrown.message);
      throw thrown;
    }
  },
};

export const recordTargets: readonly Target[] = [
  policy, jsonc, authz, gitolite, pattern, lists, sshKey, crl, launcher, logLine, result, provenance, ipc, names, ldap,
];
