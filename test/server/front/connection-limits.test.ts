import test from 'ava';
import { ConnectionLimits } from '../../../server/front/connection-limits.ts';

test('one address cannot take more than its share', (t) => {
  const limits = new ConnectionLimits({ total: 10, perAddress: 2 });
  t.truthy(limits.enter('192.0.2.1'));
  t.truthy(limits.enter('192.0.2.1'));
  t.is(limits.enter('192.0.2.1'), undefined);
  t.truthy(limits.enter('192.0.2.2'));
});

test('all addresses together cannot take more than the total', (t) => {
  const limits = new ConnectionLimits({ total: 2, perAddress: 2 });
  limits.enter('192.0.2.1');
  limits.enter('192.0.2.2');
  t.is(limits.enter('192.0.2.3'), undefined);
});

test('leaving makes room, once', (t) => {
  const limits = new ConnectionLimits({ total: 1, perAddress: 1 });
  const leave = limits.enter('192.0.2.1');
  leave?.();
  leave?.();
  t.is(limits.open, 0);
  t.truthy(limits.enter('192.0.2.1'));
});

test('a host of IPv6 cannot have more by choosing other addresses of its network, and an IPv4 address counts the same in both forms', (t) => {
  const limits = new ConnectionLimits({ total: 100, perAddress: 2 });
  const leave = limits.enter('2001:db8::1');
  limits.enter('2001:db8:0:0:abcd::2');
  t.is(limits.enter('2001:db8::3'), undefined);
  t.truthy(limits.enter('2001:db8:0:1::1'));
  leave!();
  t.truthy(limits.enter('2001:db8::3'));
  limits.enter('192.0.2.1');
  limits.enter('::ffff:192.0.2.1');
  t.is(limits.enter('192.0.2.1'), undefined);
});
