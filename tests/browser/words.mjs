// What the pages' modules make of values: spans, filters, numbers, times and addresses.

import assert from 'node:assert/strict';
import {test} from 'node:test';

import {visit} from './browser.mjs';

/** Lets `story` call functions of the modules, in the browser: `call('format', 'number', 1000)`. */
async function withModules(story) {
  await visit({}, async (visitor) => {
    const {page} = visitor;
    await visitor.open();
    await page.evaluate(async () => {
      const {src} = document.querySelector('script[type=module]');
      const load = (name) => import(src.replace(/app\.js$/, `${name}.js`));
      window.modules = {filter: await load('filter'), format: await load('format')};
    });
    await story((module, name, ...values) =>
      page.evaluate(
        ([from, called, given]) => {
          // An address's parameters are no value that could be handed over.
          const take = (one) => (one?.query === undefined ? one : new URLSearchParams(one.query));
          return window.modules[from][called](...given.map(take));
        },
        [module, name, values],
      ),
    );
  });
}

test('a period is a span that ends before the next one begins', async () => {
  await withModules(async (call) => {
    const spans = [
      ['2024', '2024-01-01', '2025-01-01'],
      ['2024-12', '2024-12-01', '2025-01-01'],
      ['2024-02', '2024-02-01', '2024-03-01'],
      ['2024-02-29', '2024-02-29', '2024-03-01'],
      ['2023-12-31', '2023-12-31', '2024-01-01'],
    ];
    for (const [played, from, until] of spans) {
      assert.deepEqual(await call('filter', 'spanOf', played), {
        from: `${from}T00:00:00Z`,
        until: `${until}T00:00:00Z`,
      });
    }
    for (const none of [
      '',
      null,
      '20',
      '2024-13',
      '2024-00',
      '2023-02-29',
      '2024-1',
      'x',
      '2024-01-01T00',
    ]) {
      assert.equal(await call('filter', 'spanOf', none), null, none);
    }
  });
});

test('an address becomes the filter of the API, and what it does not know is left out', async () => {
  await withModules(async (call) => {
    const query = 'q= two words &source=lastfm&loved=false&user=7&batch=8&view=songs&order=title';
    const filter = await call('filter', 'filterOf', {query});
    assert.deepEqual(filter, {
      'filter.q': 'two words',
      'filter.source': 'lastfm',
      'filter.loved': 'false',
      'filter.user_id': '7',
      'filter.batch_id': '8',
    });
    assert.deepEqual(
      await call('filter', 'filterOf', {query: 'from=2024-01-31&until=2024-01-31'}),
      {
        'filter.from': '2024-01-31T00:00:00Z',
        'filter.until': '2024-02-01T00:00:00Z',
      },
    );
    assert.deepEqual(
      await call('filter', 'filterOf', {query: 'from=soon&until=2024-13-01&played=2024-99'}),
      {},
    );
  });
});

test('filters are told in words', async () => {
  await withModules(async (call) => {
    assert.equal(await call('filter', 'describe', 'played', '2024-03-05'), '5 March 2024');
    assert.equal(await call('filter', 'describe', 'played', '2024-03'), 'March 2024');
    assert.equal(await call('filter', 'describe', 'user', '7', null), 'User no. 7');
    assert.equal(await call('filter', 'describe', 'user', '7', 'ann'), 'User ann');
    assert.equal(await call('filter', 'describe', 'loved', 'false'), 'Not loved');
    assert.equal(
      await call('filter', 'describe', 'track_mbid', '0123456789abcdef'),
      'track MBID 01234567…',
    );
  });
});

test('numbers and times are written for people', async () => {
  await withModules(async (call) => {
    assert.equal(await call('format', 'count', {count: 10000, capped: true}), '10,000+');
    assert.equal(await call('format', 'plural', {count: 1, capped: false}, 'song'), '1 song');
    assert.equal(await call('format', 'plural', {count: 1, capped: true}, 'song'), '1+ songs');
    assert.equal(await call('format', 'plural', 2, 'batch', 'batches'), '2 batches');
    assert.equal(await call('format', 'duration', 0), '–');
    assert.equal(await call('format', 'duration', 210_000), '3:30');
    assert.equal(await call('format', 'duration', 59_700), '1:00');
    assert.equal(await call('format', 'duration', 3_725_000), '1:02:05');
    assert.equal(
      await call('format', 'time', '2024-01-15T14:30:00.123456Z'),
      '2024-01-15 14:30:00',
    );
    assert.equal(
      await call('format', 'exactTime', '2024-01-15T14:30:00.123456Z'),
      '2024-01-15 14:30:00.123456 UTC',
    );
    const now = Date.parse('2024-01-15T14:30:00Z');
    assert.equal(await call('format', 'ago', '2024-01-15T14:29:30Z', now), 'just now');
    assert.equal(await call('format', 'ago', '2024-01-15T12:29:00Z', now), '2 hours ago');
    assert.equal(await call('format', 'ago', '2023-11-01T00:00:00Z', now), '2 months ago');
  });
});

test('only addresses of the web are links', async () => {
  await withModules(async (call) => {
    assert.equal(
      await call('format', 'safeLink', 'https://www.last.fm/music/A'),
      'https://www.last.fm/music/A',
    );
    for (const other of [
      '',
      null,
      'javascript:alert(1)',
      'data:text/html,x',
      '//host/x',
      'x',
      'file:///x',
    ]) {
      assert.equal(await call('format', 'safeLink', other), null, other);
    }
  });
});
