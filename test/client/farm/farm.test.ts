import { randomBytes } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import test from 'ava';
import { WardError } from '../../../protocol/errors.ts';
import type { Result } from '../../../protocol/messages.ts';
import { answerWith, canary, inputs, sha256, testFarm, testJob } from './server.ts';

const never = new AbortController().signal;

const result = (outputs: Result['outputs'], sizes: { stdout?: number; stderr?: number } = {}): Result => ({
  type: 'result', cached: false, keep: true, status: { code: 0, signal: 0 }, stdout: sizes.stdout ?? 0, stderr: sizes.stderr ?? 0, outputs,
  usage: { wallMs: 1, userMs: 1, systemMs: 0, maxRssKb: 1 }, server: 'test',
});

const until = async (condition: () => boolean): Promise<void> => {
  for (let waited = 0; !condition(); waited += 5) {
    if (waited > 30_000) throw new Error('the condition did not become true');
    await delay(5);
  }
};

test.serial('a job is done over TLS with a client certificate, diagnostics and outputs as the server sent them', async (t) => {
  const setup = await testFarm(t);
  const object = randomBytes(700_000);
  const server = await setup.start({ job: answerWith(object, { stdout: 'out', stderr: 'a.c:1: warning', code: 1 }) });
  const farm = setup.client([server]);
  const done = await farm.compile(testJob(), never, { canary });
  t.is(done.server, server.name);
  t.deepEqual(done.result.status, { code: 1, signal: 0 });
  t.is(done.stdout.toString(), 'out');
  t.is(done.stderr.toString(), 'a.c:1: warning');
  t.deepEqual(done.outputs, [{ index: 0, mode: 0o666, content: object }]);
  t.deepEqual(await farm.whoami({}), { principal: 'cert:alice', committer: 'alice', mechanism: 'cert', server: server.name, expires: 0 });
  t.like((await farm.hosts({}))[0], { name: server.name, state: 'connected', slots: 4, running: 0 });
  t.true((await farm.ping({}))[0]!.ms! > 0);
  t.is(server.sessions.length, 1);
});

test.serial('contents that the server misses are sent, each once', async (t) => {
  const setup = await testFarm(t);
  const server = await setup.start({
    job: (stream, _probe, self) => {
      stream.onEnd(() => {
        stream.send({ type: 'missing', digests: [sha256(inputs[0]!)], more: true });
        stream.send({ type: 'missing', digests: [sha256(inputs[1]!)], more: false });
        void until(() => self.blobs.size === 2).then(() => stream.send(result([]), { end: true }));
      });
      stream.send({ type: 'offer', leaseMs: 1000, speed: 1 });
    },
  });
  const done = await setup.client([server]).compile(testJob(), never);
  t.deepEqual(done.outputs, []);
  for (const content of inputs) t.deepEqual(server.blobs.get(sha256(content)), content);
});

test.serial('a server that asks for contents that are no input of the job gets none', async (t) => {
  const setup = await testFarm(t);
  const server = await setup.start({
    job: (stream) => {
      stream.onEnd(() => stream.send({ type: 'missing', digests: ['e'.repeat(64)], more: false }));
      stream.send({ type: 'offer', leaseMs: 1000, speed: 1 });
    },
  });
  await t.throwsAsync(
    setup.client([server]).compile(testJob(), never), { instanceOf: WardError, code: 'internal', message: 'not an input' },
  );
  t.is(server.blobs.size, 0);
});

const liars: [string, string, (object: Buffer) => { outputs: Result['outputs']; body: Buffer }, RegExp][] = [
  [
    'an output that was not asked for is refused', 'output-refused',
    (object) => ({ outputs: [{ index: 2, size: 6, digest: sha256(object), mode: 0o644 }], body: object }), /not asked for/,
  ],
  ['an output that comes twice is refused', 'output-refused', (object) => ({
    outputs: [0, 0].map((index) => ({ index, size: 6, digest: sha256(object), mode: 0o644 })), body: Buffer.concat([object, object]),
  }), /not asked for/],
  [
    'an output with another digest than announced is refused', 'blob-corrupt',
    (object) => ({ outputs: [{ index: 0, size: 6, digest: sha256(object), mode: 0o644 }], body: Buffer.from('tcejbo') }),
    /digest that was announced/,
  ],
  [
    'more bytes than announced are refused', 'protocol-violation',
    (object) => ({ outputs: [{ index: 0, size: 6, digest: sha256(object), mode: 0o644 }], body: Buffer.from('object+') }),
    /more than it announced/,
  ],
  [
    'fewer bytes than announced are refused', 'protocol-violation',
    (object) => ({ outputs: [{ index: 0, size: 6, digest: sha256(object), mode: 0o644 }], body: Buffer.from('objec') }),
    /before it had sent all/,
  ],
  [
    'a result larger than the limit is refused before memory is taken', 'limit-exceeded',
    (object) => ({ outputs: [{ index: 0, size: 2 ** 40, digest: sha256(object), mode: 0o644 }], body: object }), /larger than/,
  ],
];

for (const [title, code, lie, message] of liars) {
  test.serial(title, async (t) => {
    const setup = await testFarm(t);
    const server = await setup.start({
      job: (stream) => {
        stream.onEnd(() => {
          const { outputs, body } = lie(Buffer.from('object'));
          stream.send(result(outputs));
          stream.write(body, { end: true }).catch(() => {});
        });
        stream.send({ type: 'offer', leaseMs: 1000, speed: 1 });
      },
    });
    await t.throwsAsync(setup.client([server]).compile(testJob(), never), { instanceOf: WardError, code, message });
  });
}

test.serial('a result before start is out of turn, and the session survives it', async (t) => {
  const setup = await testFarm(t);
  let jobs = 0;
  const server = await setup.start({
    job: (stream) => (jobs++ === 0 ? stream.send(result([]), { end: true }) : answerWith(Buffer.from('object'))(stream)),
  });
  const farm = setup.client([server]);
  await t.throwsAsync(
    farm.compile(testJob(), never), { instanceOf: WardError, code: 'protocol-violation', message: 'The server sent result out of turn.' },
  );
  t.is((await farm.compile(testJob(), never)).outputs[0]!.content.toString(), 'object');
  t.is(server.sessions.length, 1);
});

test.serial('an error that allows it is tried on another server, a denial is not', async (t) => {
  const setup = await testFarm(t);
  const refuse = (code: 'disk-full' | 'policy-denied') => setup.start({
    job: (stream) => stream.reset(new WardError(code, 'No.', { rule: 'r1' })),
  });
  const good = await setup.start();
  const full = await refuse('disk-full');
  for (let salt = 0; salt < 6; salt++) t.is((await setup.client([full, good]).compile(testJob({}, `${salt}`), never)).server, good.name);
  const denied = await refuse('policy-denied');
  const farm = setup.client([denied]);
  const error = await t.throwsAsync(farm.compile(testJob(), never), { instanceOf: WardError, code: 'policy-denied', message: 'No.' });
  t.is((error as WardError).rule, 'r1');
  t.is(denied.probes.length, 1);
});

for (const code of ['cpu-limit', 'memory-limit', 'process-limit', 'output-limit', 'file-limit', 'job-timeout', 'compiler-crashed', 'sandbox-failed', 'internal'] as const) {
  test.serial(`a job that ended with ${code} on two servers is not sent to a third`, async (t) => {
    const setup = await testFarm(t);
    const started: string[] = [];
    const harmed = () => setup.start({
      job: (stream, _probe, self) => {
        stream.onData((chunk) => stream.consumed(chunk.length));
        stream.onEnd(() => {
          started.push(self.name);
          stream.reset(new WardError(code, 'It went wrong.'));
        });
        stream.send({ type: 'offer', leaseMs: 1000, speed: 1 });
      },
    });
    const farm = setup.client([await harmed(), await harmed(), await harmed(), await harmed()]);
    await farm.hosts({});
    await t.throwsAsync(farm.compile(testJob(), never), { instanceOf: WardError, code, message: 'It went wrong.' });
    t.is(new Set(started).size, 2);
    t.is(started.length, 2);
  });
}

test.serial('a job under which two servers die is not sent to a third', async (t) => {
  const setup = await testFarm(t);
  const died: string[] = [];
  const dying = () => setup.start({
    job: (stream, _probe, self) => {
      stream.onData((chunk) => stream.consumed(chunk.length));
      stream.onEnd(() => {
        died.push(self.name);
        void self.stop();
      });
      stream.send({ type: 'offer', leaseMs: 1000, speed: 1 });
    },
  });
  const farm = setup.client([await dying(), await dying(), await dying(), await dying()]);
  await farm.hosts({});
  await t.throwsAsync(farm.compile(testJob(), never), { instanceOf: WardError, code: 'session-lost', message: /The connection ended/ });
  t.is(died.length, 2);
});

test.serial('a job that two servers only had no room for is sent to a third', async (t) => {
  const setup = await testFarm(t);
  const full = () => setup.start({ job: (stream) => stream.reset(new WardError('disk-full', 'No.')) });
  const good = await setup.start();
  const farm = setup.client([await full(), await full(), good]);
  await farm.hosts({});
  for (let salt = 0; salt < 6; salt++) t.is((await farm.compile(testJob({}, `${salt}`), never)).server, good.name);
});

test.serial('jobs go home: what makes the same file to the same server whatever it reads, others to all', async (t) => {
  const setup = await testFarm(t);
  const servers = await Promise.all([setup.start(), setup.start(), setup.start()]);
  const farm = setup.client(servers);
  await farm.hosts({});
  const homes = new Set<string>();
  for (let salt = 0; salt < 24; salt++) {
    const { server } = await farm.compile(testJob({}, `${salt}`), never);
    const edited = testJob({ outputs: [`/elsewhere/alice/${salt}.o`] }, `${salt} edited`);
    t.is((await farm.compile(edited, never)).server, server);
    homes.add(server);
  }
  t.is(homes.size, 3);
});

test.serial('while home has a line, an offer from another server wins and home is released', async (t) => {
  const setup = await testFarm(t);
  let released = 0;
  const busy = await setup.start({
    job: (stream) => {
      stream.onReset(() => released++);
      stream.send({ type: 'busy', position: 3 });
    },
  });
  const idle = await setup.start();
  const farm = setup.client([busy, idle]);
  await farm.hosts({});
  for (let salt = 0; salt < 8; salt++) t.is((await farm.compile(testJob({}, `${salt}`), never)).server, idle.name);
  await until(() => released > 0 && released === busy.probes.length);
});

test.serial('a job in home’s line goes to a server that could be reached only later', async (t) => {
  const setup = await testFarm(t);
  const busy = await setup.start({ job: (stream) => stream.send({ type: 'busy', position: 3 }) });
  const slow = await setup.start({ upgrade: () => delay(300, true) });
  const farm = setup.client([busy, slow]);
  // Home is the busy one for some of these trees; none of them may wait for ever.
  const done = await Promise.all(Array.from({ length: 8 }, (_, salt) => farm.compile(testJob({}, `${salt}`), never)));
  t.deepEqual([...new Set(done.map(({ server }) => server))], [slow.name]);
});

test.serial('a job that is cancelled while its server is being connected ends at once', async (t) => {
  const setup = await testFarm(t);
  const silent = await setup.start({ upgrade: () => false });
  const farm = setup.client([silent]);
  const cancel = new AbortController();
  const job = farm.compile(testJob(), cancel.signal);
  setTimeout(() => cancel.abort(), 50);
  await t.throwsAsync(job, { instanceOf: WardError, code: 'cancelled', message: 'The job was cancelled.' });
});

test.serial('a server without this compiler, or whose canary differs, is not asked', async (t) => {
  const setup = await testFarm(t);
  const server = await setup.start();
  const farm = setup.client([server]);
  await t.throwsAsync(
    farm.compile(testJob({ toolchain: 'b'.repeat(64) }), never),
    { instanceOf: WardError, code: 'toolchain-unknown', message: /does not have exactly this compiler/ },
  );
  await t.throwsAsync(
    farm.compile(testJob(), never, { canary: 'd'.repeat(64) }),
    { instanceOf: WardError, code: 'toolchain-unknown', message: /makes other objects/ },
  );
  t.is(server.probes.length, 0);
});

test.serial('a cancelled job is reset on the server', async (t) => {
  const setup = await testFarm(t);
  let reset: WardError | undefined;
  const server = await setup.start({
    job: (stream) => {
      stream.onReset((error) => (reset = error));
      stream.send({ type: 'offer', leaseMs: 1000, speed: 1 });
    },
  });
  const cancel = new AbortController();
  const job = setup.client([server]).compile(testJob(), cancel.signal);
  await until(() => server.probes.length === 1);
  await delay(20);
  cancel.abort();
  await t.throwsAsync(job, { instanceOf: WardError, code: 'cancelled' });
  await until(() => reset !== undefined);
  t.is(reset!.code, 'cancelled');
});

test.serial('a server that dies in mid-job costs the job nothing when there is another', async (t) => {
  const setup = await testFarm(t);
  const dying = await setup.start({ job: (_stream, _probe, self) => void self.stop() });
  const good = await setup.start();
  const farm = setup.client([dying, good]);
  await farm.hosts({});
  for (let salt = 0; salt < 8; salt++) t.is((await farm.compile(testJob({}, `${salt}`), never)).server, good.name);
  const alone = await setup.start({ job: (_stream, _probe, self) => void self.stop() });
  await t.throwsAsync(
    setup.client([alone]).compile(testJob(), never), { instanceOf: WardError, code: 'session-lost', message: /The connection ended/ },
  );
});

test.serial('a server that comes back is used again, without being asked while it rests', async (t) => {
  const setup = await testFarm(t);
  const first = await setup.start();
  const { port, name } = first;
  const farm = setup.client([name]);
  await farm.compile(testJob(), never);
  await first.stop();
  await until(() => first.sessions.length === 1);
  await t.throwsAsync(farm.compile(testJob(), never), { instanceOf: WardError });
  await t.throwsAsync(farm.compile(testJob(), never), { instanceOf: WardError });
  await setup.start({ port });
  for (let tries = 0; ; tries++) {
    const done = await farm.compile(testJob(), never).catch(() => undefined);
    if (done !== undefined) break;
    if (tries > 100) t.fail('the server was never used again');
    await delay(50);
  }
  t.pass();
});

test.serial('sessions end when the credential is removed, and live on the next one', async (t) => {
  const setup = await testFarm(t);
  const server = await setup.start();
  const farm = setup.client([server]);
  await farm.compile(testJob(), never);
  rmSync(setup.paths.key);
  const ended = await server.sessions[0]!.closed;
  t.is(ended?.code, 'credential-missing');
  await t.throwsAsync(farm.compile(testJob(), never), { instanceOf: WardError, code: 'credential-missing', message: /There is no key at/ });
  const bob = await setup.authority.issueUser('bob');
  writeFileSync(setup.paths.cert, bob.certPem);
  writeFileSync(setup.paths.key, bob.keyPem, { mode: 0o600 });
  t.is((await farm.compile(testJob(), never)).server, server.name);
});

test.serial('a replaced credential opens a new session and ends the old one without losing its job', async (t) => {
  const setup = await testFarm(t);
  let finish = (): void => {};
  const server = await setup.start({
    job: (stream) => {
      finish = () => answerWith(Buffer.from('late'))(stream);
    },
  });
  const farm = setup.client([server]);
  const job = farm.compile(testJob(), never);
  await until(() => server.probes.length === 1);
  const bob = await setup.authority.issueUser('bob');
  writeFileSync(setup.paths.cert, bob.certPem);
  writeFileSync(setup.paths.key, bob.keyPem, { mode: 0o600 });
  await delay(1500);
  void farm.whoami({});
  await until(() => server.sessions.length === 2);
  finish();
  t.is((await job).outputs[0]!.content.toString(), 'late');
  t.is((await server.sessions[0]!.closed)?.code, 'session-lost');
});

test.serial('a server that is stopping gets no new job', async (t) => {
  const setup = await testFarm(t);
  const server = await setup.start();
  const farm = setup.client([server]);
  await farm.compile(testJob(), never);
  server.sessions[0]!.notify({ type: 'notice', event: 'stopping' });
  await server.sessions[0]!.closed;
  await farm.compile(testJob(), never);
  t.is(server.sessions.length, 2);
});

test.serial('WARDCC_HOSTS of a job chooses its servers, and no more jobs go to a server than its slots', async (t) => {
  const setup = await testFarm(t);
  const [one, two] = await Promise.all([setup.start(), setup.start({ job: () => {} })]);
  const farm = setup.client([]);
  await t.throwsAsync(farm.compile(testJob(), never), { instanceOf: WardError, code: 'no-server', message: /No server is configured/ });
  t.is((await farm.compile(testJob(), never, { env: { WARDCC_HOSTS: one.name } })).server, one.name);
  const cancel = new AbortController();
  const env = { WARDCC_HOSTS: `${two.name}/1` };
  const stuck = farm.compile(testJob(), cancel.signal, { env });
  await until(() => two.probes.length === 1);
  await t.throwsAsync(
    farm.compile(testJob(), never, { env }), { instanceOf: WardError, code: 'busy', message: /no more than 1 jobs at once/ },
  );
  cancel.abort();
  await t.throwsAsync(stuck, { code: 'cancelled' });
});

test.serial('results that were kept or are being made come without a tree, thousands of them in one session', async (t) => {
  const setup = await testFarm(t);
  let jobs = 0;
  const server = await setup.start({
    job: (stream) => {
      const shared = jobs++ % 2 === 1;
      if (shared) stream.send({ type: 'running' });
      stream.onData(() => t.fail('the tree was sent'));
      stream.send({ ...result([]), cached: !shared }, { end: true });
    },
  });
  const farm = setup.client([server]);
  for (let round = 0; round < 30; round++) {
    const done = await Promise.all(Array.from({ length: 50 }, (_, index) => farm.compile(testJob({}, `${round} ${index}`), never)));
    t.true(done.every(({ outputs }) => outputs.length === 0));
  }
  await until(() => server.sessions[0]!.openStreams === 0);
  t.is(server.sessions.length, 1);
});

test.serial('many jobs at once share one session', async (t) => {
  const setup = await testFarm(t);
  const server = await setup.start();
  const farm = setup.client([server]);
  const done = await Promise.all(Array.from({ length: 100 }, (_, index) => farm.compile(testJob({ id: `${index}` }, `${index}`), never)));
  t.is(done.length, 100);
  t.is(server.sessions.length, 1);
});

test.serial('without trust nothing is connected', async (t) => {
  const setup = await testFarm(t);
  const server = await setup.start();
  const row = (trust: object, message: RegExp) =>
    t.throwsAsync(
      setup.client([server], { trust: { ...setup.config([]).trust, ...trust } }).compile(testJob(), never),
      { instanceOf: WardError, code: 'config-invalid', message },
    );
  await row({ servers: [] }, /trust\.servers/);
  await row({ ca: join(setup.directory, 'absent.pem') }, /cannot be read/);
  await row({ ca: undefined }, /does not say trust\.ca/);
  await row({ crl: undefined }, /does not say trust\.crl/);
  t.is(server.sessions.length, 0);
});
