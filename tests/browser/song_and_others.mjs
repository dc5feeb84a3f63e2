// The page of one song, and the lists of users, batches and events.

import assert from 'node:assert/strict';
import {test} from 'node:test';

import {visit} from './browser.mjs';
import {ask, LASTFM_SONGS, people, SPOTIFY_SONGS} from './data.mjs';
import {staff} from './settings.mjs';

async function aSong(source, accepts = () => true) {
  const {listener} = await people();
  const {results} = await ask(
    `songs?filter.user_id=${listener.id}&filter.source=${source}&limit=200`,
  );
  return results.find(({song}) => accepts(song));
}

test('the page of a song has every field, every size of the art, and the batch', async () => {
  const {listener} = await people();
  const item = await aSong('lastfm', (song) => song.album_thumbnail && song.track_mbid);
  await visit({}, async (visitor) => {
    const {page} = visitor;
    await visitor.signIn(staff, `/admin/?user=${listener.id}&source=lastfm`);
    await visitor.settled();
    const row = visitor.rows().filter({has: page.locator(`a[href*="id=${item.song.id}"]`)});
    await row.locator('.title').click();
    await page.locator('.hero').waitFor();
    assert.equal(await page.locator('h1').textContent(), item.song.title);
    const names = await page.locator('.field-name').allTextContents();
    for (const field of Object.keys(item.song)) assert.ok(names.includes(field), field);
    for (const field of ['user_id', 'batch_id', 'origin']) assert.ok(names.includes(field), field);
    const text = await page.locator('main').innerText();
    for (const field of ['title', 'artist', 'album', 'track_mbid', 'track_url']) {
      assert.ok(text.includes(item.song[field]), field);
    }
    const sizes = await page
      .locator('.artwork .has-picture img')
      .evaluateAll((images) => images.map((image) => [image.getAttribute('src'), image.width]));
    for (const [field, pixels] of [
      ['small', 34],
      ['medium', 64],
      ['large', 174],
      ['extralarge', 300],
    ]) {
      assert.ok(
        sizes.some(
          ([src, width]) => src === item.song[`album_thumbnail_${field}`] && width === pixels,
        ),
        `${field}: ${sizes}`,
      );
    }
    await page.getByRole('link', {name: 'All songs'}).click();
    await page.waitForURL((url) => url.searchParams.get('source') === 'lastfm');
    await page.goBack();
    await page.locator('.hero').waitFor();
    await page.getByRole('link', {name: /all its songs/}).click();
    await page.waitForURL((url) => url.searchParams.get('batch') === String(item.batch_id));
  });
});

test('a song that is not there is said to be so', async () => {
  await visit({failed: [/404.*\/songs\/999999999/, /400.*\/songs\//]}, async (visitor) => {
    await visitor.signIn(staff, '/admin/?view=song&id=999999999');
    await visitor.page.getByRole('heading', {name: 'There is nothing here'}).waitFor();
    await visitor.shoot('no-such-song');
    await visitor.go('/admin/?view=song&id=abc');
    await visitor.page.locator('.state-error').waitFor();
  });
});

test('the users are listed with their keys and songs, and found by name', async () => {
  const {listener} = await people();
  await visit({}, async (visitor) => {
    const {page} = visitor;
    await visitor.signIn(staff, '/admin/?view=users');
    await visitor.settled();
    await page.getByRole('searchbox', {name: 'Search users'}).fill('MIRA.LIS');
    await page.waitForURL((url) => url.searchParams.get('name') === 'MIRA.LIS');
    await page.waitForFunction(() => document.querySelectorAll('.results tbody tr').length === 1);
    const row = visitor.rows().first();
    await row.locator('.column-songs-lastfm a').waitFor();
    assert.equal(await row.locator('.column-songs-spotify').innerText(), String(SPOTIFY_SONGS));
    assert.equal(await row.locator('.column-songs-lastfm').innerText(), String(LASTFM_SONGS));
    assert.equal(await row.locator('.column-key-spotify').innerText(), 'OK');
    await row.getByRole('link', {name: listener.name}).click();
    await page.locator('.plain-hero').waitFor();
    assert.equal(await page.locator('h1').textContent(), listener.name);
    await page.getByRole('heading', {name: 'Last batches'}).waitFor();
    assert.ok(!(await page.locator('main').innerText()).includes('any-key'));
    await page.getByRole('link', {name: 'All users'}).click();
    await page.getByRole('link', {name: 'Staff', exact: true}).click();
    await page.waitForURL((url) => url.searchParams.get('staff') === 'true');
    await page.getByRole('searchbox', {name: 'Search users'}).fill(staff.name);
    await page.getByRole('link', {name: staff.name, exact: true}).waitFor();
  });
});

test('batches and events are listed, and filtered', async () => {
  const {listener} = await people();
  await visit({}, async (visitor) => {
    const {page} = visitor;
    await visitor.signIn(staff, `/admin/?view=batches&user=${listener.id}`);
    await visitor.settled();
    assert.deepEqual(
      (await visitor.column('inserted')).sort(),
      [String(LASTFM_SONGS), String(SPOTIFY_SONGS)].sort(),
    );
    await page.getByLabel('Source').selectOption('lastfm');
    await page.waitForFunction(() => document.querySelectorAll('.results tbody tr').length === 1);
    await visitor.rows().first().locator('.column-title a').click();
    await page
      .locator('.total')
      .filter({hasText: `${LASTFM_SONGS} songs`})
      .waitFor();
    await visitor.go(`/admin/?view=audit&user=${listener.id}`);
    await page.getByLabel('What was done').selectOption('key_stored');
    await page.waitForURL((url) => url.searchParams.get('action') === 'key_stored');
    await visitor.settled();
    const actions = await visitor.column('title');
    assert.ok(actions.length >= 2);
    for (const action of actions) assert.equal(action, 'Key stored');
  });
});

test('nothing here writes, and the pages say so', async () => {
  await visit({}, async (visitor) => {
    const {page} = visitor;
    await visitor.signIn();
    await visitor.settled();
    await page.getByText('nothing here creates, edits or deletes one').waitFor();
    for (const view of ['', '?view=users', '?view=batches', '?view=audit']) {
      await visitor.go(`/admin/${view}`);
      const controls = await page.locator('button, a').allTextContents();
      for (const control of controls)
        assert.doesNotMatch(control, /\b(create|add|edit|save|delete|remove)\b/i);
    }
    for (const request of visitor.requests) {
      if (request.url().includes('/admin/')) assert.equal(request.method(), 'GET');
    }
  });
});
