// Saves the songs of a filter as a CSV file. It is fetched with the sign-in's token, which a plain
// link cannot carry, so the file is held in memory until it is whole.

import * as api from './api.js';
import {fill, h} from './dom.js';
import {bytes, count, number} from './format.js';
import {failed} from './states.js';

// A page that holds more would be at risk of being ended by the browser.
const MAX_BYTES = 256 * 1024 * 1024;
const LINE_END = 10;
const QUOTE = 34;

/** Counts the rows of a CSV file as its bytes come: the line ends that no quotes enclose. */
class RowCounter {
  // The first line names the columns.
  lines = -1;
  isQuoted = false;

  add(chunk) {
    for (const byte of chunk) {
      if (byte === QUOTE) {
        this.isQuoted = !this.isQuoted;
      } else if (byte === LINE_END && !this.isQuoted) {
        this.lines += 1;
      }
    }
  }

  get rows() {
    return Math.max(this.lines, 0);
  }
}

/** Reads the whole file. `progress(bytes, lines)` is called at most once a frame. */
async function read(response, progress) {
  const parts = [];
  let size = 0;
  const counter = new RowCounter();
  let asked = false;
  const reader = response.body.getReader();
  for (;;) {
    const {done, value} = await reader.read();
    if (done) break;
    size += value.length;
    if (size > MAX_BYTES) {
      await reader.cancel();
      return {tooLarge: true};
    }
    counter.add(value);
    parts.push(value);
    if (!asked) {
      asked = true;
      requestAnimationFrame(() => {
        asked = false;
        progress(size, counter.rows);
      });
    }
  }
  return {blob: new Blob(parts, {type: 'text/csv;charset=utf-8'}), rows: counter.rows, size};
}

function save(blob) {
  const address = URL.createObjectURL(blob);
  const day = new Date().toISOString().slice(0, 10);
  const link = h('a', {href: address, download: `playlog-songs-${day}.csv`});
  link.click();
  // The browser has taken hold of the data once the click's own work is done.
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

/**
 * A dialog that exports the songs of a filter. `total` is their CappedCount, or null while they are
 * counted. Returns the dialog, which the caller shows.
 */
export function exportDialog(filter, order, total) {
  const abort = new AbortController();
  const body = h('div', {class: 'dialog-body'});
  const dialog = h(
    'dialog',
    {class: 'dialog', 'aria-labelledby': 'export-heading', onclose: () => abort.abort()},
    h('h2', {id: 'export-heading'}, 'Export as CSV'),
    body,
  );
  const button = (label, onclick, kind = '') =>
    h('button', {type: 'button', class: `button ${kind}`, onclick}, label);
  const close = () => dialog.close();

  async function run() {
    const told = h('p', {role: 'status'}, 'Asking for the songs…');
    const meter = h('progress', {'aria-label': 'Songs received'});
    if (total && !total.capped && total.count > 0) meter.max = total.count;
    fill(body, told, meter, h('p', {class: 'actions'}, button('Cancel', close)));
    try {
      const parameters = {...filter, order_by: order};
      const response = await api.request('songs/export', parameters, abort.signal);
      const file = await read(response, (size, rows) => {
        if (meter.max !== 1) meter.value = Math.min(rows, meter.max);
        told.textContent = `${number(rows)} songs, ${bytes(size)} so far`;
      });
      if (file.tooLarge) return tooLarge();
      save(file.blob);
      fill(
        body,
        h(
          'p',
          {role: 'status', class: 'export-done'},
          `${number(file.rows)} songs saved, ${bytes(file.size)}.`,
        ),
        h('p', {class: 'actions'}, button('Close', close, 'button-primary')),
      );
      body.querySelector('button').focus();
    } catch (error) {
      if (error.name === 'AbortError') return;
      // What broke off in the middle is no file: nothing of it is saved.
      fill(
        body,
        failed(error instanceof TypeError ? new api.Unreachable() : error, run),
        h('p', {class: 'actions'}, button('Close', close)),
      );
    }
  }

  function tooLarge() {
    fill(
      body,
      h(
        'p',
        {role: 'alert'},
        `The file is larger than ${bytes(MAX_BYTES)}, which is more than this page holds. Nothing was saved. Narrow the filter, for example to one year, or fetch it with curl from /admin/api/songs/export.`,
      ),
      h('p', {class: 'actions'}, button('Close', close)),
    );
  }

  fill(
    body,
    h(
      'p',
      {},
      'Every field of ',
      h(
        'strong',
        {},
        total
          ? `${count(total)} ${total.count === 1 && !total.capped ? 'song' : 'songs'}`
          : 'the songs',
      ),
      ' that the filter takes, in the order shown.',
    ),
    total?.capped &&
      h(
        'p',
        {class: 'faint'},
        `There may be far more than ${number(total.count)}. The file is held in memory until it is whole, at most ${bytes(MAX_BYTES)}.`,
      ),
    h('p', {class: 'actions'}, button('Export', run, 'button-primary'), button('Cancel', close)),
  );
  return dialog;
}
