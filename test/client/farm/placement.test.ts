import { setTimeout as delay } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import type { Farm } from '../../../client/farm/farm.ts';
import type { FarmJob } from '../../../client/farm/attempt.ts';
import { homeKey, rank } from '../../../client/farm/rendezvous.ts';
import { signResult } from '../../../policy/log/checkpoint.ts';
import { actionDigest } from '../../../protocol/action.ts';
import type { Stream } from '../../../protocol/channel.ts';
import type { Load, Result } from '../../../protocol/messages.ts';
import { statementOf } from '../../../protocol/statement.ts';
import { Pointers, receivePointer } from '../../../server/jobs/pointers.ts';
import { resultKey } from '../../fixtures/signed-farm.ts';
import { answerWith, sha256, testFarm, testJob, type ServerBehaviour, type TestFarm, type TestServer } from './server.ts';

const never = new AbortController().signal;
const object = Buffer.from('object');

const until = async (condition: () => boolean): Promise<void> => {
  for (let waited = 0; !condition(); waited += 5) {
    if (waited > 30_000) throw new Error('the condition did not become true');
    await delay(5);
  }
};

/** A job whose home is this server. */
const jobAt = (home: TestServer, servers: readonly TestServer[], salt = ''): FarmJob => {
  for (let serial = 0; ; serial++) {
    const job = testJob({}, `${salt} ${serial}`);
    if (rank(servers, homeKey(job.probe), ({ name }) => name)[0] === home) return job;
  }
};

/** Makes the result when the list has come. */
const finish = (stream: Stream, load?: Load): void => {
  stream.onEnd(() => {
    stream.send({
      type: 'result', cached: false, keep: true, status: { code: 0, signal: 0 }, stdout: 0, stderr: 0, outputs: [],
      usage: { wallMs: 1, userMs: 1, systemMs: 0, maxRssKb: 1 }, server: 'test', ...(load === undefined ? {} : { load }),
    }, { end: true });
  });
};

const offering = (load: Load, speed = 1): NonNullable<ServerBehaviour['job']> => (stream) => {
  finish(stream);
  stream.send({ type: 'offer', leaseMs: 2000, speed, load });
};

/** Servers that behave so, and a client that is connected to all of them. */
const farmOf = async (t: ExecutionContext, ...jobs: NonNullable<ServerBehaviour['job']>[]): Promise<{ servers: TestServer[]; farm: Farm; setup: TestFarm }> => {
  const setup = await testFarm(t);
  const servers = await Promise.all(jobs.map((job, index) => setup.start({ job, welcome: (welcome) => ({ ...welcome, server: `build${index}` }) })));
  const farm = setup.client(servers);
  await Promise.all(servers.map(() => farm.whoami({})));
  await until(() => servers.every(({ sessions }) => sessions.length === 1));
  return { servers, farm, setup };
};

const free: Load = { free: 4, waiting: 0 };
const behind: Load = { free: 0, waiting: 3 };

test.serial('home is taken where the job runs at once, and another where at home it would stand behind others', async (t) => {
  const idle = await farmOf(t, offering(free), offering(free, 9));
  t.is((await idle.farm.compile(jobAt(idle.servers[0]!, idle.servers), never)).server, idle.servers[0]!.name);
  const crowded = await farmOf(t, offering(behind), offering(free, 0.5));
  t.is((await crowded.farm.compile(jobAt(crowded.servers[0]!, crowded.servers), never)).server, crowded.servers[1]!.name);
});

test.serial('where a job stands behind others everywhere, it goes where it stands shortest for the speed', async (t) => {
  const { farm, servers } = await farmOf(t, offering(behind), offering({ free: 0, waiting: 4 }, 2));
  t.is((await farm.compile(jobAt(servers[0]!, servers), never)).server, servers[1]!.name);
});

test.serial('a server that is known to have room is asked before a job stands in line', async (t) => {
  const busy: NonNullable<ServerBehaviour['job']> = (stream) => stream.send({ type: 'busy', position: 1, load: behind });
  const { farm, servers } = await farmOf(t, busy, busy, offering(free));
  for (const [index, home] of servers.entries()) t.is((await farm.compile(jobAt(home, servers, `${index}`), never)).server, servers[2]!.name);
});

test.serial('the other server that is asked is the one with the most room', async (t) => {
  const loads: Load[] = [behind, { free: 2, waiting: 0 }, { free: 7, waiting: 0 }, { free: 1, waiting: 0 }];
  const { farm, servers } = await farmOf(t, ...loads.map((load) => offering(load)));
  for (const server of servers) for (const channel of server.sessions) channel.notify({ type: 'notice', event: 'load', ...loads[servers.indexOf(server)]! });
  await farm.ping({});
  const job = jobAt(servers[0]!, servers);
  t.is((await farm.compile(job, never)).server, servers[2]!.name);
  t.deepEqual(servers.map(({ probes }) => probes.length), [1, 0, 1, 0]);
});

test.serial('jobs that stand in line go to a server that says it has room again, one for each slot, the longest waiting first', async (t) => {
  const busy: NonNullable<ServerBehaviour['job']> = (stream) => stream.send({ type: 'busy', position: 1, load: behind });
  const { farm, servers } = await farmOf(t, busy, busy, offering({ free: 0, waiting: 0 }));
  const third = servers[2]!;
  const say = (load: Load): void => third.sessions[0]!.notify({ type: 'notice', event: 'load', ...load });
  say({ free: 0, waiting: 0 });
  await farm.ping({});
  const ended: number[] = [];
  const jobs: Promise<void>[] = [];
  /** Puts a job that asks the first two servers into line. */
  const stand = async (index: number): Promise<void> => {
    const inLine = Promise.withResolvers<void>();
    for (let serial = 0; ; serial++) {
      const job = testJob({}, `${index} ${serial}`);
      if (rank(servers, homeKey(job.probe), ({ name }) => name)[2] !== third) continue;
      jobs.push(farm.compile(job, never, { onFull: () => inLine.resolve() }).then(({ server }) => {
        t.is(server, third.name);
        ended.push(index);
      }));
      return inLine.promise;
    }
  };
  for (const index of [0, 1, 2]) await stand(index);
  t.is(third.probes.length, 0);
  for (const count of [1, 2, 3]) {
    say({ free: 1, waiting: 0 });
    await until(() => ended.length === count);
    t.is(third.probes.length, count);
  }
  t.deepEqual(ended, [0, 1, 2]);
  await Promise.all(jobs);
});

test.serial('a server that home says has the result is asked, and its result taken', async (t) => {
  const elsewhere: NonNullable<ServerBehaviour['job']> = (stream) => {
    stream.send({ type: 'elsewhere', server: 'build2' });
    offering(free)(stream, {} as never, {} as never, {} as never);
  };
  const kept: NonNullable<ServerBehaviour['job']> = (stream) => {
    stream.send({
      type: 'result', cached: true, keep: true, status: { code: 0, signal: 0 }, stdout: 0, stderr: 0, outputs: [],
      usage: { wallMs: 0, userMs: 0, systemMs: 0, maxRssKb: 0 }, server: 'build2',
    }, { end: true });
  };
  const { farm, servers } = await farmOf(t, elsewhere, offering(free), kept);
  const done = await farm.compile(jobAt(servers[0]!, servers), never);
  t.is(done.server, servers[2]!.name);
  t.true(done.result.cached);
});

test.serial('a server that home names and that is none of ours, or has nothing, costs nothing', async (t) => {
  for (const name of ['build9', 'build1']) {
    const elsewhere: NonNullable<ServerBehaviour['job']> = (stream) => {
      stream.send({ type: 'elsewhere', server: name });
      offering(free)(stream, {} as never, {} as never, {} as never);
    };
    const { farm, servers } = await farmOf(t, elsewhere, offering(free));
    t.is((await farm.compile(jobAt(servers[0]!, servers), never)).server, servers[0]!.name);
  }
});

test.serial('an offer that lapses is followed by another, and a START that was under way counts', async (t) => {
  const lapsing: NonNullable<ServerBehaviour['job']> = (stream) => {
    answerWith(object)(stream);
    stream.send({ type: 'busy', position: 1 });
    stream.send({ type: 'offer', leaseMs: 50, speed: 1 });
  };
  const { farm } = await farmOf(t, lapsing);
  t.deepEqual((await farm.compile(testJob(), never)).outputs[0]?.content, object);
});

test.serial('an offer that lapsed before START could be said is followed by another, which is taken when it comes', async (t) => {
  const lapsed: NonNullable<ServerBehaviour['job']> = (stream) => {
    answerWith(object)(stream);
    stream.send({ type: 'busy', position: 1 });
    setTimeout(() => stream.send({ type: 'offer', leaseMs: 2000, speed: 1 }), 200);
  };
  const { farm } = await farmOf(t, lapsed);
  t.deepEqual((await farm.compile(testJob(), AbortSignal.timeout(20_000))).outputs[0]?.content, object);
});

test.serial('what ran elsewhere leaves a signed pointer at home, and the next client finds the result there', async (t) => {
  const setup = await testFarm(t);
  const keys = [0, 1, 2].map(() => resultKey());
  const trusted = { epoch: 1, servers: new Map(keys.map((key, index) => [`build${index}`, { name: `build${index}`, resultKeys: new Map([[key.id, key.key]]) }])) };
  let firstIsFull = true;
  /** A server with the real pointers and a keeper's signature; it keeps what it made. */
  const serverOf = (index: number): Promise<TestServer> => {
    const pointers = new Pointers(`build${index}`, () => trusted);
    const kept = new Map<string, Result>();
    const session = { domains: new Set(['project:default']), committer: 'alice' };
    return setup.start({
      welcome: (welcome) => ({ ...welcome, server: `build${index}` }),
      pointer: (stream, message) => receivePointer(stream, message, session, pointers),
      job: (stream, probe) => {
        const action = actionDigest(probe, 'project:default');
        const before = kept.get(action);
        if (before !== undefined) {
          stream.send({ ...before, cached: true });
          return void stream.write(object, { end: true });
        }
        const elsewhere = pointers.find(action);
        if (elsewhere !== undefined) stream.send({ type: 'elsewhere', server: elsewhere });
        if (index === 0 && firstIsFull) return stream.send({ type: 'busy', position: 1, load: behind });
        stream.onEnd(() => {
          const part = (content: Buffer) => ({ digest: sha256(content), size: content.length });
          const outputs = [{ index: 0, mode: 0o644, ...part(object) }];
          const claim = { domain: 'project:default', epoch: 1, job: 1, principal: 'cert:alice', policy: 'd'.repeat(64), finished: '2026-01-01T00:00:00.000Z' };
          const nothing = part(Buffer.alloc(0));
          const statement = statementOf({ ...claim, server: `build${index}`, toolchain: probe.toolchain, action }, { stdout: nothing, stderr: nothing, outputs }, probe.outputs);
          const result: Result = {
            type: 'result', cached: false, keep: true, status: { code: 0, signal: 0 }, stdout: 0, stderr: 0, outputs,
            usage: { wallMs: 1, userMs: 1, systemMs: 0, maxRssKb: 1 }, server: `build${index}`,
            signed: { ...claim, key: keys[index]!.id, signature: signResult(statement, keys[index]!.key) },
          };
          kept.set(action, result);
          stream.send(result);
          void stream.write(object, { end: true });
        });
        stream.send({ type: 'offer', leaseMs: 2000, speed: 1, load: index === 2 ? free : behind });
      },
    });
  };
  const servers = [await serverOf(0), await serverOf(1), await serverOf(2)];
  const compile = async (job: FarmJob) => {
    const client = setup.client(servers);
    await client.whoami({});
    await until(() => servers.every(({ sessions }) => sessions.length > 0));
    for (const server of servers) for (const channel of server.sessions) channel.notify({ type: 'notice', event: 'load', free: server === servers[1] ? 9 : 1, waiting: 0 });
    await client.ping({});
    return client.compile(job, never);
  };
  const job = jobAt(servers[0]!, servers);
  const fresh = await compile(job);
  t.is(fresh.server, servers[2]!.name);
  t.false(fresh.result.cached);
  firstIsFull = false;
  await until(() => servers[0]!.pointers > 0);
  const again = await compile(job);
  t.true(again.result.cached);
  t.is(again.server, servers[2]!.name);
});
