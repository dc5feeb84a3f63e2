// Every page at the sizes of a phone, a desk and a wall, in light and dark: nothing sticks out, axe
// finds nothing, and a picture is kept for people to look at.

import assert from 'node:assert/strict';
import {test} from 'node:test';

import {axeSource, visit} from './browser.mjs';
import {ask, people} from './data.mjs';
import {staff} from './settings.mjs';

const WIDTHS = [
  {name: 'phone', width: 360, height: 780},
  {name: 'desk', width: 1280, height: 860},
  {name: 'wall', width: 2560, height: 1300},
];
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

async function pages() {
  const {listener} = await people();
  const {results} = await ask(`songs?filter.user_id=${listener.id}&limit=200`);
  const song = results.find(
    (one) => one.song.source === 'lastfm' && one.song.album_thumbnail_large,
  );
  return {
    songs: `/admin/?user=${listener.id}&limit=20`,
    grid: `/admin/?user=${listener.id}&show=grid&limit=20`,
    mosaic: `/admin/?user=${listener.id}&show=grid&size=64&limit=50`,
    empty: '/admin/?q=nothing+is+called+this',
    song: `/admin/?view=song&id=${song.song.id}`,
    users: '/admin/?view=users',
    user: `/admin/?view=user&id=${listener.id}`,
    batches: '/admin/?view=batches',
    audit: '/admin/?view=audit',
  };
}

/** What axe finds, each with the first element that it is about. */
async function violations(page) {
  return page.evaluate(async (rules) => {
    const {violations: found} = await window.axe.run(document, {
      runOnly: {type: 'tag', values: rules},
      resultTypes: ['violations'],
    });
    return found.map(
      ({id, nodes}) => `${id}: ${nodes[0].html.slice(0, 200)} ${nodes[0].failureSummary}`,
    );
  }, RULES);
}

async function fits(page) {
  // The page never scrolls sideways; only the list does, in its own frame.
  const wider = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  assert.ok(wider <= 0, `it is ${wider} px wider than the screen`);
}

for (const scheme of ['light', 'dark']) {
  test(`every page fits every screen and satisfies axe, in ${scheme}`, async () => {
    // The policy would keep axe out; the other tests keep to it.
    await visit({scheme, bypassCSP: true}, async (visitor) => {
      const {page} = visitor;
      const check = async (name, {isWhole}) => {
        for (const {name: size, ...viewport} of WIDTHS) {
          await page.setViewportSize(viewport);
          await fits(page);
          await visitor.shoot(`${name}-${size}-${scheme}`);
          // Colours are the same at every size; the cards of a phone are other elements.
          if (size === 'desk' || (isWhole && size === 'phone' && scheme === 'light')) {
            assert.deepEqual(await violations(page), [], `${name}, ${size}, ${scheme}`);
          }
        }
      };
      await visitor.open();
      await page.evaluate(axeSource());
      await check('sign-in', {isWhole: true});
      await visitor.fillSignIn(staff);
      await visitor.settled();
      for (const [name, address] of Object.entries(await pages())) {
        await page.setViewportSize(WIDTHS[1]);
        await visitor.go(address);
        await check(name, {isWhole: true});
      }
      await page.setViewportSize(WIDTHS[1]);
      await page.keyboard.press('?');
      await page.getByRole('dialog').waitFor();
      await check('help', {isWhole: false});
      await page.keyboard.press('Escape');
      await visitor.go('/admin/');
      await page.getByRole('button', {name: 'Export CSV'}).click();
      await check('export', {isWhole: false});
    });
  });
}

test('a phone has the filters behind a button, and cards in place of rows', async () => {
  const {listener} = await people();
  await visit({width: 360, height: 780}, async (visitor) => {
    const {page} = visitor;
    await visitor.signIn(staff, `/admin/?user=${listener.id}`);
    await visitor.settled();
    assert.ok(await page.locator('.facet').first().isHidden());
    await page.locator('summary', {hasText: 'Filters'}).click();
    await page.locator('.facet[data-key="source:spotify"]').click();
    await page.waitForURL((url) => url.searchParams.get('source') === 'spotify');
    await visitor.settled();
    await fits(page);
    assert.equal(
      await visitor
        .rows()
        .first()
        .evaluate((row) => getComputedStyle(row).display),
      'grid',
    );
    // They are rows and cells to whoever does not see them.
    assert.ok((await page.getByRole('row').count()) > 1);
    await visitor.shoot('phone-filters');
  });
});
