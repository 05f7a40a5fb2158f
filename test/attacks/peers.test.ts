/** Peers that break the rules, against a real server: before they are authenticated and after. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { connect as tlsConnect } from 'node:tls';
import test from 'ava';
import { WardError, type ErrorCode } from '../../protocol/errors.ts';
import { encodeFrame, frameType } from '../../protocol/frame.ts';
import type { Stream } from '../../protocol/channel.ts';
import type { Probe } from '../../protocol/messages.ts';
import { changedHello, closedWithin, hello, provoke, tamperedSession, tcp } from './peers.ts';
import { Place } from './place.ts';
import { openSession, openTls, openWebSocket, start, submit, type RawSession } from './raw-client.ts';
import { compile } from './rows/make.ts';
import { ShippedFarm, type Footprint } from './shipped.ts';
import { wireJob, type WireJob } from './job.ts';
import type { Attack } from './types.ts';

let place: Place;
let farm: ShippedFarm;
let before: Footprint;

const rules = [
  { id: 'alice-secret', effect: 'allow', who: ['committer:alice'], projects: ['secret'], quota: 'small' },
  { id: 'junk', effect: 'allow', who: ['committer:bob'], projects: ['junk'], quota: 'tiny' },
  { id: 'open-project', effect: 'allow', who: ['*'], projects: ['default', 'other'], quota: 'small' },
];

test.before('a farm whose people may have two jobs at once and two in line', async (t) => {
  t.timeout(180_000);
  place = new Place();
  farm = await ShippedFarm.open(join(place.directory, 'farm'), place, { more: { rules, quotas: { small: { jobs: 2, queued: 2 }, tiny: { storePercent: 0.0001 } } } });
  await farm.honest(['gcc']);
  before = await farm.settledFootprint();
});

test.after.always('nothing of it is left', async () => {
  await farm?.close();
  place?.remove();
});

let serial = 0;
/** A job that no other has; `change` its probe as an attacker would. */
const job = ({ welcome }: RawSession, source = `int x${serial++};\n`, attack: Partial<Attack> = {}): WireJob => {
  const whole: Attack = {
    id: 'peer', family: 'read', tries: '', compilers: ['gcc'], files: { 'a.c': source }, argv: compile(), sign: 'read', wall: 'blind',
    ...attack,
  };
  return wireJob(
    { name: 'peer', attack: whole, compiler: 'gcc' }, place, welcome.toolchains.find(({ name }) => name === '/usr/bin/gcc')!.digest,
  );
};
const inProject = (sent: WireJob, project: string): WireJob => ({ ...sent, probe: { ...sent.probe, project } });

// Before authentication

test.serial('of many connections from one address only so many stay, and when they leave others come in', async (t) => {
  const sockets: Socket[] = [];
  // Whatever is found: what stays open here is missing to every test after this one.
  t.teardown(() => sockets.forEach((socket) => socket.destroy()));
  for (let index = 0; index < 400; index++) sockets.push(await tcp(farm.port));
  const open = (): number => sockets.filter(({ destroyed, readyState }) => !destroyed && readyState === 'open').length;
  for (const patience = Date.now() + 10_000; open() > 128 && Date.now() < patience;) await pause(50);
  // Sessions of earlier tests count too.
  t.true(open() <= 128 && open() >= 100, String(open()));
  for (const socket of sockets) socket.destroy();
  // The server learns of the ends a moment later than we do.
  let session: RawSession | undefined;
  for (const patience = Date.now() + 10_000; session === undefined && Date.now() < patience;) {
    session = await openSession(farm.credential()).catch(() => pause(50, undefined));
  }
  t.is(session?.welcome.committer, 'alice');
  session?.channel.close();
});

const silences: [string, (act: { port: number }) => Promise<Socket>][] = [
  ['says nothing at all', ({ port }) => tcp(port)],
  ['begins TLS and stops', async ({ port }) => {
    const socket = await tcp(port);
    socket.write(Buffer.from('160301', 'hex'));
    return socket;
  }],
  ['has TLS and says nothing', async () => openTls(farm.credential())],
  ['begins a request and stops', async () => {
    const socket = await openTls(farm.credential());
    socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n');
    return socket;
  }],
  ['sends its request a byte at a time', async () => {
    const socket = await openTls(farm.credential());
    const request = Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: '.padEnd(400, 'x'));
    let at = 0;
    const drip = setInterval(() => socket.write(request.subarray(at, ++at)), 200);
    socket.once('close', () => clearInterval(drip));
    return socket;
  }],
  ['has a WebSocket and says nothing', async () => {
    const socket = await openTls(farm.credential());
    await openWebSocket(socket);
    return socket;
  }],
  ['sends its hello a byte at a time', async () => {
    const socket = await openTls(farm.credential());
    const webSocket = await openWebSocket(socket);
    const bytes = hello();
    let at = 0;
    const drip = setInterval(() => webSocket.send(bytes.subarray(at, ++at)), 300);
    socket.once('close', () => clearInterval(drip));
    return socket;
  }],
];
for (const [title, act] of silences) {
  test(`a peer that ${title} is cut off`, async (t) => {
    // Ten times what a peer has to come in.
    t.timeout(120_000);
    const took = await closedWithin(await act(farm), 100_000);
    t.true(took > 5_000, `${took} ms`);
  });
}

test.serial('what is no TLS is refused', async (t) => {
  for (
    const bytes of [
      Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'), randomBytes(4096), Buffer.alloc(70_000, 0x16), Buffer.from('SSH-2.0-x\r\n'),
    ]
  ) {
    const socket = await tcp(farm.port);
    socket.write(bytes);
    await t.notThrowsAsync(closedWithin(socket, 5_000));
  }
});

test.serial('TLS before 1.3 is refused', async (t) => {
  const socket = tlsConnect({ host: '127.0.0.1', port: farm.port, maxVersion: 'TLSv1.2', rejectUnauthorized: false });
  const [error] = await once(socket, 'error') as [NodeJS.ErrnoException];
  t.is(error.code, 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION');
});

const upgrade = (path: string, protocol: string, ...more: string[]): string => [
  `GET ${path} HTTP/1.1`, 'Host: localhost', ...more, 'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==', `Sec-WebSocket-Protocol: ${protocol}`, '', '',
].join('\r\n');
const requests: [string, string, RegExp][] = [
  ['a browser is no client', upgrade('/', 'wardcc.1', 'Origin: https://localhost'), /^HTTP\/1.1 403 /],
  ['another protocol is not spoken', upgrade('/', 'wardcc.0'), /^HTTP\/1.1 400 /],
  ['there is nothing at another path', upgrade('/x', 'wardcc.1'), /^HTTP\/1.1 400 /],
  ['a plain request is told to upgrade', 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n', /^HTTP\/1.1 426 /],
  ['headers are bounded', `GET / HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(9000)}\r\n\r\n`, /^HTTP\/1.1 431 /],
  ['a broken request is refused', 'GARBAGE\r\n\r\n', /^HTTP\/1.1 400 /],
];
for (const [title, request, status] of requests) {
  test.serial(`${title}`, async (t) => {
    const socket = await openTls(farm.credential());
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.write(request);
    await closedWithin(socket, 8_000);
    t.regex(Buffer.concat(chunks).toString(), status);
  });
}

const header = (type: number, length: number): Buffer => {
  const bytes = encodeFrame(type, 0, 0, 0, Buffer.alloc(0));
  bytes.writeUInt32BE(length, 16);
  return bytes;
};
const hellos: [string, () => Buffer, ErrorCode][] = [
  ['garbage', () => randomBytes(64).fill(0xff, 0, 1), 'protocol-violation'],
  ['a length of 4 GiB', () => header(frameType.HELLO, 0xffff_ffff), 'frame-too-large'],
  ['a hello that is too long', () => header(frameType.HELLO, 1025), 'frame-too-large'],
  ['an empty hello', () => header(frameType.HELLO, 0), 'protocol-violation'],
  ['a later version', () => changedHello(4, [0, 2]), 'version-mismatch'],
  ['an earlier version', () => changedHello(4, [0, 0]), 'version-mismatch'],
  ['another protocol', () => changedHello(0, [0x58]), 'protocol-violation'],
  ['an unknown mechanism', () => changedHello(71, [0x58]), 'mechanism-not-permitted'],
  ['a mechanism that the policy does not permit', () => hello('krb5'), 'mechanism-not-permitted'],
  ['SSH over TCP', () => hello('ssh'), 'mechanism-not-permitted'],
  ['a key that makes the shared secret zero', () => hello('cert', Buffer.alloc(32)), 'protocol-violation'],
  ['a job before the keys', () => encodeFrame(frameType.MESSAGE, 0, 1, 0, Buffer.from('{"type":"probe"}')), 'protocol-violation'],
  [
    'a token where none is wanted', () => Buffer.concat([hello(), encodeFrame(frameType.AUTH, 0, 0, 1, Buffer.from('token'))]),
    'protocol-violation',
  ],
];
for (const [title, bytes, code] of hellos) {
  test.serial(`a handshake with ${title} is refused with ${code}`, async (t) => {
    const { alert } = await provoke(farm.credential(), (webSocket) => webSocket.send(bytes()));
    t.is(alert?.code, code, alert?.message);
  });
}

test.serial('hellos with any byte changed and cut off anywhere end with a code or a session that knows nothing', async (t) => {
  const whole = hello();
  const bad = Array.from(
    { length: 40 }, (_, index) => (index % 2 === 0 ? whole.subarray(0, index * 2) : changedHello((index * 3) % 70, [index])),
  );
  for (const bytes of bad) {
    const { code } = await provoke(farm.credential(), (webSocket) => {
      webSocket.send(bytes);
      webSocket.close();
    });
    t.true([1000, 1002, 1005, 1006].includes(code), String(code));
  }
});

const messages: [
  string, (send: { raw: (bytes: Buffer) => void; webSocket: { send(data: unknown, options?: object): void } }) => void, number[],
][] = [
  ['a text message', ({ webSocket }) => webSocket.send('hello'), [1003]],
  ['a message larger than the limit', ({ webSocket }) => webSocket.send(Buffer.alloc(300 * 1024)), [1009]],
  ['a message that announces 2^62 bytes', ({ raw }) => raw(Buffer.from('82ff400000000000000000000000', 'hex')), [1009, 1006]],
  ['more fragments than the limit', ({ webSocket }) => {
    for (let index = 0; index < 40; index++) webSocket.send(Buffer.alloc(1), { fin: false });
  }, [1008, 1009]],
  ['a compressed message', ({ raw }) => raw(Buffer.from('c2840000000000000000', 'hex')), [1002]],
  ['a frame without a mask', ({ raw }) => raw(Buffer.from('820100', 'hex')), [1002]],
  ['an unknown kind of frame', ({ raw }) => raw(Buffer.from('838000000000', 'hex')), [1002]],
];
for (const [title, act, codes] of messages) {
  test.serial(`${title} closes the connection`, async (t) => {
    const { code } = await provoke(
      farm.credential(), (webSocket, tls) => act({ raw: (bytes) => tls.write(bytes), webSocket: webSocket as never }),
    );
    t.true(codes.includes(code), String(code));
  });
}

const people: [string, ErrorCode][] = [
  ['mallory', 'not-a-committer'], ['carol', 'certificate-revoked'], ['stranger', 'certificate-invalid'],
];
for (const [person, code] of people) {
  test.serial(`${person} is refused with ${code}`, async (t) => {
    const error = await t.throwsAsync(openSession(farm.credential(person)), { instanceOf: WardError });
    t.is((error as WardError).code, code);
  });
}

// After authentication

const tampering: [string, () => (bytes: Buffer) => Buffer[], ErrorCode][] = [
  ['a flipped bit in a payload', () => (bytes) => {
    bytes[25]! ^= 1;
    return [bytes];
  }, 'bad-tag'],
  ['a flipped bit in a tag', () => (bytes) => {
    bytes[bytes.length - 1]! ^= 1;
    return [bytes];
  }, 'bad-tag'],
  ['a frame that names another stream', () => (bytes) => {
    bytes.writeUInt32BE(9, 4);
    return [bytes];
  }, 'protocol-violation'],
  ['a repeated frame', () => (bytes) => [bytes, bytes], 'bad-sequence'],
  ['a skipped frame', () => {
    let lost = false;
    return (bytes) => {
      if (lost) return [bytes];
      lost = true;
      return [];
    };
  }, 'bad-sequence'],
  ['a sequence that begins again', () => (bytes) => {
    bytes.writeUInt32BE(0, 8);
    bytes.writeUInt32BE(0, 12);
    return [bytes];
  }, 'bad-sequence'],
  ['a sequence near its end', () => (bytes) => {
    bytes.writeUInt32BE(0xffff_ffff, 8);
    return [bytes];
  }, 'bad-sequence'],
];
for (const [title, change, code] of tampering) {
  test.serial(`${title} ends the session with ${code}`, async (t) => {
    const { channel, arm } = await tamperedSession(farm.credential(), change());
    arm();
    channel.ping().catch(() => {});
    await pause(20);
    channel.ping().catch(() => {});
    const error = await channel.closed;
    t.is(error?.code, code, error?.message);
  });
}

test.serial('a blob whose content is not its digest is never taken, and its job ends', async (t) => {
  const session = await openSession(farm.credential());
  const sent = job(session);
  let blobs = 0;
  const error = await t.throwsAsync(submit(session, { ...sent, send: (digest, channel) => {
    blobs++;
    channel.sendBlob(Buffer.from(digest, 'hex'), Buffer.from('evil')).catch(() => {});
  } }), { instanceOf: WardError });
  t.is((error as WardError).code, 'blob-corrupt');
  t.is(blobs, 3);
  t.is((await submit(session, job(session))).result.status.code, 0);
  session.channel.close();
});

test.serial('nobody has more contents on their way at once than their share of the store, and others go on', async (t) => {
  const [bob, alice] = [await openSession(farm.credential('bob')), await openSession(farm.credential('alice'))];
  const junk = inProject(job(bob, '', { files: { 'a.c': '#include "junk.h"\n', 'junk.h': `/* ${randomBytes(200_000).toString('hex')} */\n` } }), 'junk');
  const refusals: WardError[] = [];
  const send = (digest: string, channel: RawSession['channel']): void => {
    channel.sendBlob(Buffer.from(digest, 'hex'), junk.blobs.get(digest)!).catch((error: WardError) => refusals.push(error));
  };
  await t.throwsAsync(submit(bob, { ...junk, send }), { instanceOf: WardError });
  t.true(refusals.length > 0);
  for (const { code, message } of refusals) {
    t.is(code, 'disk-full');
    t.regex(message, /^bob has more on its way than the share of \d+(\.\d+)? bytes of this server's store\.$/);
  }
  t.is((await submit(alice, job(alice))).result.status.code, 0);
  bob.channel.close();
  alice.channel.close();
});

test.serial('a list of inputs that is not the one that was announced is refused', async (t) => {
  const session = await openSession(farm.credential());
  const sent = job(session);
  const other = job(session);
  const cases: [WireJob, ErrorCode][] = [
    [{ ...sent, tree: Buffer.alloc(sent.tree.length) }, 'blob-corrupt'],
    [{ ...sent, tree: Buffer.concat([sent.tree, sent.tree]) }, 'protocol-violation'],
    [{ ...sent, probe: { ...sent.probe, tree: other.probe.tree } }, 'blob-corrupt'],
  ];
  for (const [wrong, code] of cases) {
    const error = await t.throwsAsync(submit(session, wrong), { instanceOf: WardError });
    t.is((error as WardError).code, code);
  }
  session.channel.close();
});

test.serial('a content that was promised and never sent holds nobody else up for long', async (t) => {
  t.timeout(180_000);
  const alice = await openSession(farm.credential('alice'));
  const bob = await openSession(farm.credential('bob'));
  const header = { 'shared.h': `/* ${randomBytes(8).toString('hex')} */\n` };
  const asked = Promise.withResolvers<void>();
  const greedy = submit(
    alice,
    { ...job(
      alice, '#include "shared.h"\nint a;\n', { files: { 'a.c': '#include "shared.h"\nint a;\n', ...header } },
    ), send: () => asked.resolve() },
    170_000,
  );
  let held = true;
  greedy.catch(() => { held = false; });
  await asked.promise;
  // The server waits ten seconds for somebody else's content, and two minutes for it to come at all.
  const { result } = await submit(bob, job(bob, '', { files: { 'a.c': '#include "shared.h"\nint b;\n', ...header } }), 110_000);
  t.is(result.status.code, 0);
  t.true(held, 'it is still promised');
  alice.channel.close();
  bob.channel.close();
});

test.serial('nobody has more jobs at once, or in line, than the policy allows', async (t) => {
  const session = await openSession(farm.credential());
  let said: string[] = [];
  let streams: Stream[] = [];
  // An offer lapses after two seconds, and then more is said. A machine that is too busy for six answers until then tries again.
  for (let attempt = 0; attempt < 20; attempt++) {
    const heard: string[] = [];
    const begun = Date.now();
    streams = Array.from({ length: 6 }, () => {
      const stream = session.channel.open(job(session).probe);
      stream.onMessage((message: { type: string }) => heard.push(message.type));
      stream.onReset((error) => heard.push(error.message.replace(/ .*? has/, ' has')));
      return stream;
    });
    while (heard.length < 6 && Date.now() < begun + 1_500) await pause(10);
    said = [...heard];
    if (said.length === 6 && Date.now() < begun + 1_500) break;
    for (const stream of streams) stream.reset(new WardError('cancelled'));
    await pause(500);
  }
  t.deepEqual(
    said.sort(),
    [
      'busy', 'busy', 'cert:alice has 2 jobs in line already, as many as the policy allows.',
      'cert:alice has 2 jobs in line already, as many as the policy allows.', 'offer', 'offer',
    ],
  );
  for (const stream of streams) stream.reset(new WardError('cancelled'));
  session.channel.close();
});

test.serial('a result is not given to somebody who may not have the project, nor found in another project', async (t) => {
  const alice = await openSession(farm.credential('alice'));
  const bob = await openSession(farm.credential('bob'));
  const secret = `const char secret${serial++}[] = "alice";\n`;
  t.false((await submit(alice, inProject(job(alice, secret), 'secret'))).result.cached);
  // A result is kept after it was answered: on a busy machine that takes a moment.
  const again = async (): Promise<boolean> => (await submit(alice, inProject(job(alice, secret), 'secret'))).result.cached;
  for (const end = Date.now() + 20_000; !(await again()); await pause(200)) t.true(Date.now() < end, 'the result is found again');
  const denied = await t.throwsAsync(submit(bob, inProject(job(bob, secret), 'secret')), { instanceOf: WardError });
  t.is((denied as WardError).code, 'policy-denied');
  // In a project of his own he has to bring the content himself: knowing its digest is worth nothing.
  let asked = 0;
  const first = Promise.withResolvers<void>();
  const send = (): void => {
    asked++;
    first.resolve();
  };
  const ask = submit(bob, { ...inProject(job(bob, secret), 'other'), send }, 60_000);
  const given = ask.then(() => true, () => false);
  await Promise.race([first.promise, given]);
  t.false(await Promise.race([given, pause(3_000, false)]));
  t.is(asked, 1);
  alice.channel.close();
  bob.channel.close();
});

test.serial('a client that reads none of its results keeps nobody else from compiling', async (t) => {
  t.timeout(400_000);
  const alice = await openSession(farm.credential('alice'));
  const bob = await openSession(farm.credential('bob'));
  let results = 0;
  for (let index = 0; index < 8; index++) {
    const sent = job(alice, `const char big${serial++}[2000000] = {1};\n`);
    const stream = alice.channel.open(sent.probe);
    stream.onMessage((message: { type: string; digests?: string[] }) => {
      if (message.type === 'offer') start(stream, sent.tree);
      for (const digest of message.digests ?? []) alice.channel.sendBlob(
        Buffer.from(digest, 'hex'), sent.blobs.get(digest)!,
      ).catch(() => {});
      if (message.type === 'result') results++;
    });
    // No more than she may have at work and in line.
    for (const patience = Date.now() + 20_000; index + 1 - results >= 4 && Date.now() < patience;) await pause(20);
  }
  const patience = Date.now() + 60_000;
  while (results < 6 && Date.now() < patience) await pause(20);
  t.true(results >= 6, `only ${results} of alice's jobs got as far as a result`);
  t.is((await submit(bob, job(bob))).result.status.code, 0);
  alice.channel.close();
  bob.channel.close();
});

test.serial('when a client vanishes in mid-job, everything of the job is gone at once', async (t) => {
  const session = await openSession(farm.credential());
  const long = job(session, '', { files: { 'a.c': '__asm__(".data\\n.rept 100000000\\n.quad 1\\n.endr");\n' } });
  submit(session, long).catch(() => {});
  const until = async (what: string, condition: (now: Footprint) => boolean): Promise<void> => {
    for (
      const patience = Date.now() + 30_000; !condition(await farm.footprint()); await pause(20)
    ) if (Date.now() > patience) return t.fail(what);
  };
  await until('the job begins', ({ processes }) => processes.length > before.processes.length + 1);
  session.tls.destroy();
  const begun = performance.now();
  await until('the job ends', ({ processes, mounts }) => processes.length === before.processes.length && mounts === before.mounts);
  t.true(performance.now() - begun < 10_000);
});

test.serial('a client that only asks for jobs and takes it back is told to wait, then shown the door', async (t) => {
  t.timeout(120_000);
  const session = await openSession(farm.credential('bob'));
  const { probe } = job(session);
  const codes = new Map<string, number>();
  let over: WardError | undefined;
  void session.channel.closed.then((error) => (over = error));
  const begun = Date.now();
  let sent = 0;
  for (; over === undefined && Date.now() < begun + 60_000; sent++) {
    if (session.channel.openStreams > 900) {
      await pause(1);
      continue;
    }
    const stream = session.channel.open({ ...probe, project: 'nobody' } satisfies Probe);
    stream.onReset((error) => codes.set(error.code, (codes.get(error.code) ?? 0) + 1));
    if (sent % 100 === 0) await pause(0);
  }
  // A burst and 1000 a second are answered, as many again are told to wait. A machine that cannot ask so fast is never shown the door.
  if (over === undefined && sent < 2 * (8192 + Date.now() - begun)) {
    t.log(`only ${sent} questions in a minute`);
    t.deepEqual([...codes.keys()].filter((code) => code !== 'policy-denied' && code !== 'busy'), []);
    session.channel.close();
    return;
  }
  t.is(over?.code, 'limit-exceeded', over?.message);
  t.true(codes.get('policy-denied')! >= 8192, JSON.stringify([...codes]));
  t.true(codes.get('busy')! >= 1000, JSON.stringify([...codes]));
});

test.after('the server compiles, and has as many processes and mounts as before', async (t) => {
  await farm.honest(['gcc']);
  t.deepEqual(await farm.footprintLike(before), before);
  t.deepEqual(await farm.auditFailures(), []);
});
