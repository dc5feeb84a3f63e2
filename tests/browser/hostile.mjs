// Texts and addresses from outside that want to run a script: none does, wherever they are shown.

import assert from 'node:assert/strict';
import {test} from 'node:test';

import {visit} from './browser.mjs';
import {ask, people} from './data.mjs';
import {hostileTexts} from './hostile_texts.mjs';
import {staff} from './settings.mjs';

const ALL_COLUMNS = [
  'art',
  'artist',
  'album',
  'played_at',
  'source',
  'user',
  'duration_ms',
  'loved',
  'streamable',
  'batch',
  'id',
  'track_mbid',
  'artist_mbid',
  'album_mbid',
  'track_url',
  'artists_url',
  'artist_lastfm_url',
  'album_thumbnail',
  'album_thumbnail_small',
  'album_thumbnail_medium',
  'album_thumbnail_large',
  'album_thumbnail_extralarge',
].join();

async function nothingRan(page) {
  const ran = await page.evaluate(() => [
    typeof window.scriptHasRun,
    document.querySelectorAll(
      'main script, main iframe, main object, main style, main base, main meta',
    ).length,
    document.querySelectorAll('a[href^="javascript:" i], [onerror], [onload], [onfocus]').length,
  ]);
  assert.deepEqual(ran, ['undefined', 0, 0]);
}

test('200 hostile titles, artists, albums and addresses are shown as text, in every view', async () => {
  const {hostile} = await people();
  const texts = hostileTexts();
  assert.equal(new Set(texts).size, 200);
  await visit({}, async (visitor) => {
    const {page} = visitor;
    await visitor.signIn(
      staff,
      `/admin/?user=${hostile.id}&source=lastfm&limit=200&columns=${ALL_COLUMNS}`,
    );
    await visitor.settled();
    const shown = new Set(await page.locator('.results .column-title .title').allTextContents());
    assert.equal(await visitor.rows().count(), 200);
    // What is stored is the text in NFC without the blanks around it.
    for (const text of texts) assert.ok(shown.has(text.normalize('NFC').trim()), text);
    await nothingRan(page);
    for (const row of await page.locator('.results tbody tr').all())
      await row.evaluate((one) => one.dispatchEvent(new Event('mouseover', {bubbles: true})));
    await nothingRan(page);
    await visitor.shoot('hostile-table');
    await visitor.go(`/admin/?user=${hostile.id}&show=grid&limit=200`);
    await nothingRan(page);
    await visitor.go(`/admin/?user=${hostile.id}&show=grid&size=34&limit=200`);
    await nothingRan(page);
    // As part of the address too, which becomes a chip and the text in the search box.
    for (const text of texts.slice(0, 20)) {
      await visitor.go(`/admin/?q=${encodeURIComponent(text.slice(0, 200))}`);
      await nothingRan(page);
    }
  });
});

test('the page of a song runs no hostile text either', async () => {
  const {hostile} = await people();
  const {results} = await ask(`songs?filter.user_id=${hostile.id}&filter.source=lastfm&limit=200`);
  await visit({}, async (visitor) => {
    await visitor.signIn();
    await visitor.settled();
    for (const {song} of results.slice(-20)) {
      await visitor.go(`/admin/?view=song&id=${song.id}`);
      assert.equal(await visitor.page.locator('h1').textContent(), song.title);
      assert.ok((await visitor.page.title()).startsWith(song.title.slice(0, 10).trim()));
      await nothingRan(visitor.page);
    }
    await visitor.shoot('hostile-song');
  });
});

// No source can bring such addresses into the store; this is what the pages would make of them.
const HOSTILE_ADDRESSES = [
  'javascript:scriptHasRun=1',
  ' JaVaScRiPt:scriptHasRun=1',
  'java\nscript:scriptHasRun=1',
  'data:text/html,<script>parent.scriptHasRun=1</script>',
  'vbscript:msgbox',
  'blob:null/1',
  'file:///etc/passwd',
  '//evil.example/x',
  'https://evil.example/x.svg" onerror="scriptHasRun=1',
  'https://i.scdn.co@evil.example/x',
  'not an address',
];

test('addresses of no web page are no links, and pictures come from the servers of art alone', async () => {
  const {hostile} = await people();
  await visit({}, async (visitor) => {
    const {page} = visitor;
    const spoil = (song, i) => {
      for (const field of Object.keys(song)) {
        if (/_url$|thumbnail/.test(field))
          song[field] = HOSTILE_ADDRESSES[i % HOSTILE_ADDRESSES.length];
      }
    };
    await page.route('**/admin/api/songs?*', async (route) => {
      const response = await route.fetch();
      const json = await response.json();
      json.results.forEach(({song}, i) => spoil(song, i));
      await route.fulfill({response, json});
    });
    let shown = 0;
    await page.route(/\/admin\/api\/songs\/\d+$/, async (route) => {
      const response = await route.fetch();
      const json = await response.json();
      spoil(json.result.song, shown);
      await route.fulfill({response, json});
    });
    await visitor.signIn(staff, `/admin/?user=${hostile.id}&columns=${ALL_COLUMNS}`);
    await visitor.settled();
    const links = () =>
      page.locator('main a').evaluateAll((all) => all.map(({protocol}) => protocol));
    for (const protocol of await links()) assert.match(protocol, /^https?:$/);
    assert.equal(await page.locator('.results .art img').count(), 0);
    await nothingRan(page);
    const {results} = await ask(
      `songs?filter.user_id=${hostile.id}&limit=${HOSTILE_ADDRESSES.length}`,
    );
    for (const {song} of results) {
      await visitor.go(`/admin/?view=song&id=${song.id}`);
      for (const protocol of await links()) assert.match(protocol, /^https?:$/);
      assert.equal(await page.locator('main .art img').count(), 0);
      await nothingRan(page);
      shown += 1;
    }
  });
});
