// The list of songs: every filter, the search, the drill-down, orders, pages, columns and the grid.

import assert from 'node:assert/strict';
import {test} from 'node:test';

import {visit} from './browser.mjs';
import {ask, LASTFM_SONGS, people, SPOTIFY_SONGS} from './data.mjs';
import {staff} from './settings.mjs';

/** Signs in and shows the songs of the listener alone, whose numbers are known. */
async function atSongs(visitor, more = '') {
  const {listener} = await people();
  await visitor.signIn(staff, `/admin/?user=${listener.id}${more}`);
  await visitor.settled();
  await countedAs(visitor, /songs?$/);
  return listener;
}

async function countedAs(visitor, text) {
  await visitor.page.locator('.total').filter({hasText: text}).waitFor();
}

function facet(visitor, key) {
  return visitor.page.locator(`.facet[data-key="${key}"]`);
}

test('the filters by source, loved and streamable show what they count', async () => {
  await visit({}, async (visitor) => {
    const listener = await atSongs(visitor);
    await countedAs(visitor, `${SPOTIFY_SONGS + LASTFM_SONGS} songs`);
    for (const [key, column, songs, text] of [
      ['source:spotify', 'source', SPOTIFY_SONGS, 'Spotify'],
      ['source:lastfm', 'source', LASTFM_SONGS, 'Last.fm'],
      ['loved:true', 'loved', null, 'Loved'],
      ['loved:false', 'loved', null, 'Not loved'],
      ['streamable:false', 'streamable', SPOTIFY_SONGS + LASTFM_SONGS, 'Not streamable'],
    ]) {
      await visitor.go(`/admin/?user=${listener.id}&columns=title,source,loved,streamable`);
      await facet(visitor, key).locator('.facet-count').filter({hasText: /\d/}).waitFor();
      const counted = (await facet(visitor, key).locator('.facet-count').innerText()).split(' ')[0];
      if (songs !== null) assert.equal(parseInt(counted, 10), songs, key);
      await facet(visitor, key).click();
      await visitor.settled();
      await countedAs(visitor, `${parseInt(counted, 10)} song`);
      const [name, value] = key.split(':');
      assert.equal(visitor.query().get(name), value);
      assert.equal(await facet(visitor, key).getAttribute('aria-current'), 'true');
      const cells = await visitor.page
        .locator(`.results tbody .column-${column}`)
        .allTextContents();
      assert.ok(cells.length > 0);
      for (const cell of cells) assert.equal(cell.replace('–', ''), text);
      await facet(visitor, key).click();
      await visitor.settled();
      assert.equal(visitor.query().get(name), null);
    }
    await facet(visitor, 'streamable:true').click();
    await visitor.page.getByRole('heading', {name: 'No song matches'}).waitFor();
    await visitor.shoot('no-song-matches');
    await visitor.page.getByRole('link', {name: 'Clear all filters'}).click();
    await visitor.rows().first().waitFor();
  });
});

test('the search finds songs by title, artist, album, user and MusicBrainz id while one types', async () => {
  const {listener} = await people();
  const {results} = await ask(`songs?filter.user_id=${listener.id}&filter.source=lastfm&limit=200`);
  const {song} = results.find(
    (one) => one.song.track_mbid && one.song.artist_mbid && one.song.album_mbid,
  );
  await visit({}, async (visitor) => {
    await atSongs(visitor, '&limit=50');
    const box = visitor.page.getByRole('searchbox', {name: 'Search songs'});
    const texts = [
      song.title,
      song.artist.split(',')[0],
      song.album,
      'mira.lis',
      song.track_mbid.slice(0, 20),
      song.artist_mbid,
      song.album_mbid.toUpperCase(),
    ];
    for (const text of texts) {
      await box.fill(text);
      await visitor.page.waitForURL((url) => url.searchParams.get('q') === text);
      await visitor.settled();
      const {total} = await ask(
        `songs/count?filter.user_id=${listener.id}&filter.q=${encodeURIComponent(text)}`,
      );
      assert.ok(total.count > 0, text);
      await countedAs(visitor, new RegExp(`^${total.count.toLocaleString('en')} songs?$`));
      assert.ok((await visitor.rows().count()) > 0, text);
    }
    await box.fill('no song has these words');
    await visitor.page.getByRole('heading', {name: 'No song matches'}).waitFor();
    await visitor.page.getByRole('link', {name: '“no song has these words”'}).click();
    await visitor.rows().first().waitFor();
    assert.equal(await box.inputValue(), '');
  });
});

test('songs are found by a whole MusicBrainz id, by user and by batch', async () => {
  const {listener} = await people();
  const {results} = await ask(`songs?filter.user_id=${listener.id}&filter.source=lastfm&limit=200`);
  const {song, batch_id: batch} = results.find((one) => one.song.artist_mbid);
  await visit({}, async (visitor) => {
    await visitor.signIn();
    await visitor.settled();
    const filters = visitor.page.getByLabel('Filters', {exact: true});
    await filters.getByText('User and batch').click();
    await filters.getByLabel('User name').fill(listener.name.toUpperCase());
    await filters.getByRole('button', {name: 'Apply user and batch'}).click();
    await visitor.page.waitForURL((url) => url.searchParams.get('user') === String(listener.id));
    await countedAs(visitor, `${SPOTIFY_SONGS + LASTFM_SONGS} songs`);
    await visitor.page.getByRole('link', {name: `User ${listener.name}`}).waitFor();
    await filters.getByLabel('User name').fill('nobody has this name');
    await filters.getByRole('button', {name: 'Apply user and batch'}).click();
    await filters.getByText('No user has this name.').waitFor();
    await filters.getByLabel('User name').fill('');
    await filters.getByLabel('Batch number').fill(String(batch));
    await filters.getByRole('button', {name: 'Apply user and batch'}).click();
    await visitor.page.waitForURL((url) => url.searchParams.get('batch') === String(batch));
    await countedAs(visitor, `${LASTFM_SONGS} songs`);
    await visitor.go('/admin/');
    await filters.getByText('MusicBrainz ids').click();
    await filters.getByLabel('Artist').fill(song.artist_mbid);
    await filters.getByRole('button', {name: 'Apply MusicBrainz ids'}).click();
    await visitor.page.waitForURL(
      (url) => url.searchParams.get('artist_mbid') === song.artist_mbid,
    );
    await visitor.settled();
    const artists = await visitor.column('artist');
    assert.ok(artists.length > 0);
    for (const artist of artists) assert.equal(artist, song.artist);
  });
});

test('the drill-down goes from year to month to day and back, and spans can be given', async () => {
  await visit({}, async (visitor) => {
    const listener = await atSongs(visitor, '&limit=200');
    const bars = visitor.page.locator('.bars .facet');
    let played = '';
    for (const characters of [4, 7, 10]) {
      await visitor.page.locator(`.bars .facet[data-key^="played:${played}"]`).first().waitFor();
      await visitor.page.waitForFunction(
        (length) =>
          document.querySelector('.bars .facet')?.dataset.key.length === 'played:'.length + length,
        characters,
      );
      played = (await bars.first().getAttribute('data-key')).slice('played:'.length);
      const songs = parseInt(await bars.first().locator('.facet-count').innerText(), 10);
      await bars.first().click();
      await visitor.page.waitForURL((url) => url.searchParams.get('played') === played);
      await visitor.settled();
      await countedAs(visitor, new RegExp(`^${songs} songs?$`));
      for (const time of await visitor.column('played_at'))
        assert.ok(time.startsWith(played), time);
    }
    await visitor.shoot('drill-down');
    await visitor.page.locator('.crumbs').getByRole('link').nth(1).click();
    await visitor.page.waitForURL((url) => url.searchParams.get('played') === played.slice(0, 4));
    await visitor.page.locator('.crumbs').getByRole('link', {name: 'All years'}).click();
    await visitor.page.waitForURL((url) => !url.searchParams.has('played'));
    await visitor.page.getByText('Between two days').click();
    await visitor.page.getByLabel('First day').fill(played);
    await visitor.page.getByLabel('Last day').fill(played);
    await visitor.page.getByRole('button', {name: 'Apply the two days'}).click();
    await visitor.page.waitForURL((url) => url.searchParams.get('until') === played);
    await visitor.settled();
    for (const time of await visitor.column('played_at')) assert.ok(time.startsWith(played), time);
    assert.equal(visitor.query().get('user'), String(listener.id));
  });
});

test('columns order the list, and pages go on and back', async () => {
  await visit({}, async (visitor) => {
    const listener = await atSongs(visitor, '&limit=50');
    const titles = async (order, more = '') =>
      (
        await ask(`songs?filter.user_id=${listener.id}&order_by=${order}&limit=50${more}`)
      ).results.map(({song}) => song.title);
    await visitor.page.getByRole('link', {name: 'Title', exact: true}).click();
    await visitor.page.waitForURL((url) => url.searchParams.get('order') === 'title');
    await visitor.settled();
    assert.deepEqual(
      await visitor.page.locator('.results .column-title .title').allTextContents(),
      await titles('title'),
    );
    assert.equal(
      await visitor.page.locator('th.column-title').getAttribute('aria-sort'),
      'ascending',
    );
    await visitor.page.getByRole('link', {name: 'Title', exact: true}).click();
    await visitor.page.waitForURL((url) => url.searchParams.get('order') === '-title');
    await visitor.settled();
    const first = await titles('-title');
    assert.deepEqual(
      await visitor.page.locator('.results .column-title .title').allTextContents(),
      first,
    );
    const seen = [...first];
    for (const page of ['2', '3', '4', '5']) {
      await visitor.page.getByRole('link', {name: 'Next'}).click();
      await visitor.page.waitForURL((url) => url.searchParams.get('page') === page);
      await visitor.settled();
      seen.push(...(await visitor.page.locator('.results .column-title .title').allTextContents()));
    }
    assert.equal(await visitor.page.getByRole('link', {name: 'Next'}).count(), 0);
    assert.equal(seen.length, SPOTIFY_SONGS + LASTFM_SONGS);
    for (let page = 4; page > 0; --page) {
      await visitor.page.getByRole('link', {name: 'Previous'}).click();
      await visitor.page.waitForURL(
        (url) => (url.searchParams.get('page') ?? '1') === String(page),
      );
      await visitor.settled();
    }
    assert.deepEqual(
      await visitor.page.locator('.results .column-title .title').allTextContents(),
      first,
    );
  });
});

test('any column can be chosen, and an address shows another the same', async () => {
  let address = '';
  await visit({}, async (visitor) => {
    await atSongs(visitor, '&limit=50&source=lastfm');
    await visitor.page.locator('summary', {hasText: 'Columns'}).click();
    for (const box of await visitor.page.locator('.menu-body input').all()) {
      if (!(await box.isChecked())) await box.check();
    }
    const headings = await visitor.page.locator('.results thead th').allTextContents();
    assert.equal(headings.length, 23);
    await visitor.page.locator('.menu-body').getByLabel('Album', {exact: true}).uncheck();
    await visitor.page.locator('th.column-album').waitFor({state: 'detached'});
    await visitor.page.keyboard.press('Escape');
    address = visitor.page.url();
    assert.ok(!/token|eyJ/.test(address));
  });
  await visit({}, async (visitor) => {
    const {pathname, search} = new URL(address);
    await visitor.signIn(staff, pathname + search);
    await visitor.settled();
    assert.equal(await visitor.page.locator('.results thead th').count(), 22);
    assert.equal(await visitor.page.locator('th.column-album').count(), 0);
    for (const source of await visitor.column('source')) assert.equal(source, 'Last.fm');
  });
});

test('the grid shows art in four sizes, each from the picture of its size', async () => {
  await visit({}, async (visitor) => {
    const listener = await atSongs(visitor, '&source=lastfm&show=grid&size=34&limit=50');
    for (const [size, folder] of [
      ['34', '34s'],
      ['64', '64s'],
      ['174', '174s'],
      ['300', '300x300'],
    ]) {
      await visitor.page
        .getByLabel('Size of the art')
        .getByRole('link', {name: `${size} pixels`})
        .click();
      const grid = visitor.page.locator(`.grid-${size}`);
      await grid.locator('.has-picture img').first().waitFor();
      const pictures = await grid.locator('.has-picture img').evaluateAll((images) =>
        images.map(({currentSrc, loading, naturalWidth}) => ({
          currentSrc,
          loading,
          naturalWidth,
        })),
      );
      for (const picture of pictures) {
        assert.ok(picture.currentSrc.includes(`/i/u/${folder}/`), picture.currentSrc);
        assert.equal(picture.loading, 'lazy');
        assert.ok(picture.naturalWidth > 0);
      }
      await visitor.shoot(`grid-${size}`);
    }
    assert.equal(visitor.query().get('user'), String(listener.id));
  });
});

test('a drawing stands where art is missing or does not load', async () => {
  const {hostile} = await people();
  await visit({failed: [/net::ERR_FAILED/]}, async (visitor) => {
    await visitor.page.route('**/art/**', (route) => route.abort());
    await atSongs(visitor, '&limit=50');
    // What is out of sight is not asked for yet.
    await visitor.page.waitForFunction(
      () => !document.querySelector('.results tbody tr:nth-child(-n+5) .art img'),
    );
    assert.equal(await visitor.page.locator('.results .art .record').count(), 50);
    assert.equal(await visitor.page.locator('.results .has-picture').count(), 0);
    await visitor.shoot('no-art');
  });
  await visit({}, async (visitor) => {
    await visitor.signIn(staff, `/admin/?user=${hostile.id}&source=spotify`);
    await visitor.settled();
    assert.equal(await visitor.rows().count(), 3);
    await visitor.page.waitForFunction(
      () => document.querySelectorAll('.results .has-picture img').length === 2,
    );
    assert.equal(await visitor.page.locator('.results tbody tr:not(:has(img)) .record').count(), 1);
  });
});

test('keys do what the help says, and can be turned off', async () => {
  await visit({}, async (visitor) => {
    const {page} = visitor;
    await atSongs(visitor);
    await page.getByRole('heading', {name: 'Songs', exact: true}).click();
    await page.keyboard.press('?');
    await page.getByRole('dialog', {name: 'Keyboard shortcuts'}).waitFor();
    await visitor.shoot('help');
    await page.keyboard.press('Escape');
    await page.keyboard.press('/');
    assert.equal(await page.evaluate(() => document.activeElement.id), 'search');
    await page.keyboard.press('Escape');
    await page.keyboard.press('j');
    await page.keyboard.press('j');
    await page.keyboard.press('k');
    const first = page.locator('.results .title').first();
    assert.ok(await first.evaluate((link) => link === document.activeElement));
    await page.keyboard.press('Enter');
    await page.locator('.hero').waitFor();
    await page.keyboard.press('u');
    await visitor.rows().first().waitFor();
    await page.keyboard.press('v');
    await page.locator('.grid').waitFor();
    for (const [key, heading] of [
      ['u', 'Users'],
      ['b', 'Batches'],
      ['a', 'Audit log'],
      ['s', 'Songs'],
    ]) {
      await page.keyboard.press('g');
      await page.keyboard.press(key);
      await page.getByRole('heading', {name: heading, exact: true}).waitFor();
      await visitor.settled();
    }
    await page.keyboard.press('?');
    await page.getByLabel('Single-key shortcuts are on').uncheck();
    await page.getByRole('button', {name: 'Close'}).click();
    await page.keyboard.press('v');
    assert.equal(await page.locator('.grid').count(), 0);
    assert.equal(visitor.query().get('keys'), 'off');
  });
});

test('without the network the page says so, and comes back by itself', async () => {
  await visit({failed: [/ERR_INTERNET_DISCONNECTED/]}, async (visitor) => {
    await atSongs(visitor);
    await visitor.context.setOffline(true);
    await visitor.page.getByText('You are offline. What is shown may be old.').waitFor();
    await visitor.page.getByRole('link', {name: 'Batches'}).click();
    await visitor.page.getByRole('heading', {name: 'You are offline'}).waitFor();
    await visitor.shoot('offline');
    await visitor.context.setOffline(false);
    await visitor.rows().first().waitFor();
    assert.ok(await visitor.page.locator('.offline-line').isHidden());
  });
});
