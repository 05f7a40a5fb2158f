import test from 'ava';
import { Uploads } from '../../../server/store/uploads.ts';

const alice = {};
const bob = {};

test('one of two sessions is asked, the other waits for the same flight', async (t) => {
  const uploads = new Uploads();
  t.true(uploads.claim('d', 'x', alice));
  t.false(uploads.claim('d', 'x', bob));
  let settled = false;
  const waiting = uploads.settled('d', 'x').then(() => { settled = true; });
  await new Promise(setImmediate);
  t.false(settled);
  uploads.settle('d', 'x');
  await waiting;
  t.true(settled);
});

test('a domain is no part of another domain’s flight', (t) => {
  const uploads = new Uploads();
  t.true(uploads.claim('d', 'x', alice));
  t.true(uploads.claim('e', 'x', bob));
  t.is(uploads.domainAwaiting(['e', 'd'], 'x', alice), 'd');
});

test('when a session ends, whoever waited for it may ask in its place', async (t) => {
  const uploads = new Uploads();
  uploads.claim('d', 'x', alice);
  const waiting = uploads.settled('d', 'x');
  uploads.abandon(alice);
  await waiting;
  t.true(uploads.claim('d', 'x', bob));
});

test('waiting for what nobody brings ends at once', async (t) => {
  await t.notThrowsAsync(new Uploads().settled('d', 'x'));
});

test('who gives up ends no flight of somebody else', async (t) => {
  const uploads = new Uploads();
  uploads.claim('d', 'x', alice);
  let settled = false;
  const waiting = uploads.settled('d', 'x').then(() => { settled = true; });
  uploads.giveUp('d', 'x', bob);
  await new Promise(setImmediate);
  t.false(settled);
  uploads.giveUp('d', 'x', alice);
  await waiting;
  t.true(uploads.claim('d', 'x', bob));
});
