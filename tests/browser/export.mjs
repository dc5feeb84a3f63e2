// The export as CSV.

import assert from 'node:assert/strict';
import {readFile} from 'node:fs/promises';
import {test} from 'node:test';

import {visit} from './browser.mjs';
import {LASTFM_SONGS, people} from './data.mjs';
import {staff} from './settings.mjs';

test('the songs of a filter are saved as a file with every field', async () => {
  const {listener} = await people();
  await visit({}, async (visitor) => {
    const {page} = visitor;
    await visitor.signIn(staff, `/admin/?user=${listener.id}&source=lastfm`);
    await visitor.settled();
    await page
      .locator('.total')
      .filter({hasText: `${LASTFM_SONGS} songs`})
      .waitFor();
    await page.getByRole('button', {name: 'Export CSV'}).click();
    const dialog = page.getByRole('dialog', {name: 'Export as CSV'});
    await dialog.getByText(`${LASTFM_SONGS} songs`).waitFor();
    await visitor.shoot('export');
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      dialog.getByRole('button', {name: 'Export', exact: true}).click(),
    ]);
    assert.match(download.suggestedFilename(), /^playlog-songs-\d{4}-\d{2}-\d{2}\.csv$/);
    const lines = (await readFile(await download.path(), 'utf8')).trimEnd().split('\r\n');
    assert.equal(lines.length, LASTFM_SONGS + 1);
    for (const field of [
      'id',
      'title',
      'artist',
      'album',
      'played_at',
      'track_mbid',
      'album_thumbnail_extralarge',
    ]) {
      assert.ok(lines[0].split(',').includes(field), `${field} in ${lines[0]}`);
    }
    await dialog.getByText(`${LASTFM_SONGS} songs saved`).waitFor();
    await dialog.getByRole('button', {name: 'Close'}).click();
    await dialog.waitFor({state: 'detached'});
  });
});

test('an export that breaks off saves nothing and says so', async () => {
  await visit({failed: [/ERR_FAILED.*songs\/export/]}, async (visitor) => {
    const {page} = visitor;
    await visitor.signIn();
    await visitor.settled();
    let downloads = 0;
    page.on('download', () => {
      downloads += 1;
    });
    await page.route('**/songs/export?*', (route) => route.abort());
    await page.getByRole('button', {name: 'Export CSV'}).click();
    const dialog = page.getByRole('dialog', {name: 'Export as CSV'});
    await dialog.getByRole('button', {name: 'Export', exact: true}).click();
    await dialog.getByRole('heading', {name: 'Playlog does not answer'}).waitFor();
    await dialog.getByRole('button', {name: 'Try again'}).waitFor();
    assert.equal(downloads, 0);
    await page.keyboard.press('Escape');
  });
});
