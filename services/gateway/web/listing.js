// What the lists of users, batches and events share: a heading, filters, a table, pages, and what
// stands there while they load or fail.

import * as api from './api.js';
import {announce, fill, h} from './dom.js';
import {plural} from './format.js';
import {pager} from './pager.js';
import {empty, failed, loading, notice} from './states.js';
import {table} from './table.js';

const LIMIT = 100;

export class ListingView {
  /**
   * `list` has: title, one (the word for one item), path (of the API), query(parameters), next (the
   * parameter that takes the answer's `next`), columns, none (the heading and the text where there
   * is nothing) and controls(parameters). It may have: many (the word for several items),
   * order(parameters), search(), which makes a form whose field is named as the parameter that it
   * becomes, and complete(items, signal), a further request that completes the items.
   */
  constructor(root, handleError, list) {
    this.handleError = handleError;
    this.list = list;
    this.title = list.title;
    // Made once, so that whoever types in it is not disturbed.
    this.search = list.search?.() ?? null;
    this.controls = h('div', {class: 'tools'});
    this.results = h('div', {
      class: 'results',
      role: 'region',
      'aria-label': list.title,
      tabindex: 0,
    });
    this.notices = h('div', {class: 'notices'});
    this.pager = h('nav', {class: 'pager', 'aria-label': 'Pages of the list'});
    fill(
      root,
      h(
        'div',
        {class: 'content content-alone'},
        h(
          'header',
          {class: 'content-head'},
          h('div', {class: 'heading-row'}, h('h1', {tabindex: -1}, list.title)),
          this.search,
          this.controls,
        ),
        this.notices,
        this.results,
        this.pager,
      ),
    );
  }

  destroy() {
    this.abort?.abort();
  }

  async update(now) {
    this.abort?.abort();
    const {signal} = (this.abort = new AbortController());
    this.showControls(now);
    this.results.setAttribute('aria-busy', 'true');
    if (!this.results.querySelector('.table')) fill(this.results, loading());
    try {
      const answer = await api.get(
        this.list.path,
        {...this.list.query(now), limit: LIMIT, [this.list.next]: now.get('cursor')},
        signal,
      );
      this.show(now, answer);
      if (this.list.complete && answer.results.length > 0) {
        await this.complete(now, answer, signal);
      }
    } catch (error) {
      if (error.name === 'AbortError' || this.handleError(error)) return;
      fill(this.pager);
      fill(
        this.results,
        failed(error, () => this.update(now)),
      );
    }
    this.results.removeAttribute('aria-busy');
  }

  /** What the second request says is shown where it says it; without it the list stands. */
  async complete(now, answer, signal) {
    try {
      await this.list.complete(answer.results, signal);
      this.show(now, answer);
    } catch (error) {
      if (error.name === 'AbortError') throw error;
      if (!this.handleError(error))
        fill(this.notices, notice('warning', 'The songs could not be counted.'));
    }
  }

  showControls(now) {
    const input = this.search?.querySelector('input');
    if (input && input !== document.activeElement) input.value = now.get(input.name) ?? '';
    const key =
      this.controls.contains(document.activeElement) && document.activeElement.dataset.key;
    fill(this.controls, this.list.controls(now));
    if (key) this.controls.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus();
  }

  show(now, {results, next}) {
    const {title, one, many, columns, none} = this.list;
    fill(this.notices);
    fill(
      this.results,
      results.length === 0 && next === null
        ? empty(none[0], none[1])
        : table(title, results, columns, this.list.order?.(now)),
    );
    fill(this.pager, pager(now, {next, isShort: results.length < LIMIT}));
    announce(`${plural(results.length, one, many)} shown`);
  }

  keys = {
    j: {label: 'Next row', run: () => this.step(1)},
    k: {label: 'Previous row', run: () => this.step(-1)},
    n: {label: 'Next page', run: () => this.pager.querySelector('[rel=next]')?.click()},
    p: {label: 'Previous page', run: () => this.pager.querySelector('[rel=prev]')?.click()},
  };

  step(by) {
    const links = [...this.results.querySelectorAll('tbody tr')].map((row) =>
      row.querySelector('a'),
    );
    const rows = links.filter(Boolean);
    const at = rows.indexOf(document.activeElement);
    rows[Math.min(Math.max(at + by, 0), rows.length - 1)]?.focus();
  }
}
