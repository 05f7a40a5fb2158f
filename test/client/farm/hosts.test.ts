import test from 'ava';
import { WardError } from '../../../protocol/errors.ts';
import { parseHost, parseHosts, parseHostsVariable } from '../../../client/farm/hosts.ts';

test('a host is written as a name, a name and a port, an address, or an SSH login', (t) => {
  t.deepEqual(parseHost('Build1.Corp.Example'), { kind: 'tcp', name: 'build1.corp.example:7632', host: 'build1.corp.example', port: 7632 });
  t.deepEqual(parseHost('build1:9000/8'), { kind: 'tcp', name: 'build1:9000', host: 'build1', port: 9000, slots: 8 });
  t.deepEqual(parseHost('build1/8'), { kind: 'tcp', name: 'build1:7632', host: 'build1', port: 7632, slots: 8 });
  t.deepEqual(
    parseHost('build1.corp.example.'), { kind: 'tcp', name: 'build1.corp.example:7632', host: 'build1.corp.example', port: 7632 },
  );
  t.deepEqual(parseHost('10.0.0.1:1'), { kind: 'tcp', name: '10.0.0.1:1', host: '10.0.0.1', port: 1 });
  t.deepEqual(parseHost('[2001:DB8::1]:7632'), { kind: 'tcp', name: '[2001:db8::1]:7632', host: '2001:db8::1', port: 7632 });
  t.deepEqual(parseHost('[::1]/2'), { kind: 'tcp', name: '[::1]:7632', host: '::1', port: 7632, slots: 2 });
  t.deepEqual(parseHost('ssh://build1'), { kind: 'ssh', name: 'ssh://build1', host: 'build1' });
  t.deepEqual(
    parseHost('ssh://ward@build1:2222/4'),
    { kind: 'ssh', name: 'ssh://ward@build1:2222', host: 'build1', user: 'ward', port: 2222, slots: 4 },
  );
  t.deepEqual(
    parseHost('ssh://a@b.example@build1'), { kind: 'ssh', name: 'ssh://a@b.example@build1', host: 'build1', user: 'a@b.example' },
  );
});

const wrong: [string, RegExp][] = [
  ['-oProxyCommand=x', /not allowed|understood/],
  ['ssh://-oProxyCommand=x', /not allowed|understood/],
  ['ssh://-x@build1', /user name/],
  ['ssh://@build1', /user name/],
  ['a b', /not allowed/],
  ['build1:0', /port/],
  ['build1:65536', /port/],
  ['build1:http', /understood/],
  ['build1/0', /slots/],
  ['[::1', /understood/],
  ['[12345::1]', /IPv6/],
  ['::1', /understood/],
  ['1.2.3', /not allowed/],
  ['1.2.3.4.5', /not allowed/],
  ['300.1.1.1', /not allowed/],
  ['a..b', /not allowed/],
  ['user@build1', /understood/],
  ['https://build1', /understood/],
  ['', /understood/],
  [`${'a'.repeat(64)}.b`, /not allowed/],
  ['build1:80:80', /understood/],
  ['b\u0000d', /not allowed/],
  ['bäcker', /not allowed/],
];

for (const [text, message] of wrong) {
  test(`${JSON.stringify(text)} is not a host`, (t) => {
    const error = t.throws(() => parseHost(text), { instanceOf: WardError, code: 'config-invalid' });
    t.regex(error.message, message);
    t.true(error.message.includes('a host is written name:port, [v6]:port, ssh://user@name, srv:DOMAIN or local/N'));
  });
}

test('WARDCC_HOSTS is a list with blanks between; local/N is this machine', (t) => {
  const { servers, localSlots } = parseHostsVariable('  build1 build2:9000/3\n\tlocal/4 ssh://ward@build3 ');
  t.deepEqual(servers.map(({ name }) => name), ['build1:7632', 'build2:9000', 'ssh://ward@build3']);
  t.is(localSlots, 4);
  t.deepEqual(parseHostsVariable(''), { servers: [], domains: [] });
  t.throws(() => parseHostsVariable('build1 local/0'), { instanceOf: WardError, code: 'config-invalid', message: /slots/ });
});

test('a server that is named twice counts once', (t) => {
  const { servers } = parseHosts(['build1/2', 'BUILD1:7632', 'build1./9']);
  t.deepEqual(servers, [{ kind: 'tcp', name: 'build1:7632', host: 'build1', port: 7632, slots: 2 }]);
});

test('srv:DOMAIN is a domain whose records name servers', (t) => {
  t.deepEqual(parseHosts(['srv:Corp.Example.', 'build1', 'srv:corp.example']).domains, ['corp.example']);
  for (const text of ['srv:', 'srv:-x', 'srv:a b', 'srv:10.0.0.1', 'srv:a..b', 'srv:corp.example:80', 'srv://corp.example']) {
    t.throws(() => parseHosts([text]), { instanceOf: WardError, code: 'config-invalid', message: /does not name a domain/ }, text);
  }
});
