// The list of songs: search, filters, table or grid, pages.

import * as api from './api.js';
import {columnsOf} from './columns.js';
import {announce, fill, h, icon} from './dom.js';
import {exportDialog} from './export.js';
import {chips, facets, levelOf} from './facets.js';
import {FILTERS, filterOf, withoutFilter} from './filter.js';
import {ago, plural} from './format.js';
import {grid} from './grid.js';
import {addressOf, addressWith, go, historyState, parameters} from './location.js';
import {pager} from './pager.js';
import {empty, failed, loading, notice} from './states.js';
import {table} from './table.js';
import {PAGE_SIZE, toolbar, USUAL_ORDER} from './toolbar.js';

// A search that finds little answers with short pages; this many of them are put together unasked.
const MAX_ROUNDS = 4;
const TYPING_MS = 300;

/** Fills a part of the page anew and gives the focus back to what had it, by its data-key. */
function refill(container, ...children) {
  const active = container.contains(document.activeElement) ? document.activeElement : null;
  const key = active?.dataset.key;
  const typed = active?.matches('input:not([type=checkbox])') ? active.value : null;
  const open = [...container.querySelectorAll('details[open] > summary')].map(
    (summary) => summary.dataset.key,
  );
  fill(container, ...children);
  for (const summary of container.querySelectorAll('details > summary')) {
    if (open.includes(summary.dataset.key)) summary.parentElement.open = true;
  }
  if (!key) return;
  const successor = container.querySelector(`[data-key="${CSS.escape(key)}"]`);
  // What is being typed stays.
  if (successor && typed !== null) successor.value = typed;
  successor?.focus();
}

export class SongsView {
  title = 'Songs';

  constructor(root, handleError) {
    this.handleError = handleError;
    this.filterKey = null;
    this.counts = null;
    this.periods = null;
    this.userNames = new Map();
    this.build(root);
  }

  build(root) {
    this.search = h('input', {
      type: 'search',
      name: 'q',
      id: 'search',
      autocomplete: 'off',
      spellcheck: 'false',
      maxlength: 200,
      placeholder: 'Title, artist, album, user or MBID',
      'aria-label': 'Search songs',
      'aria-keyshortcuts': '/',
      oninput: () => this.searchSoon(),
    });
    this.heading = h('h1', {tabindex: -1}, 'Songs');
    this.total = h('span', {class: 'total'});
    this.filters = h('div', {class: 'filters-body'});
    this.filtersDetails = h(
      'details',
      {class: 'filters'},
      h(
        'summary',
        {class: 'button'},
        icon('filter'),
        h('span', {class: 'filters-label'}, 'Filters'),
      ),
      this.filters,
    );
    this.chips = h('div', {class: 'chips-row'});
    this.tools = h('div', {class: 'tools'});
    this.notices = h('div', {class: 'notices'});
    this.results = h('div', {class: 'results', role: 'region', 'aria-label': 'Songs', tabindex: 0});
    this.pager = h('nav', {class: 'pager', 'aria-label': 'Pages of the list'});
    const wide = window.matchMedia('(min-width: 1000px)');
    this.filtersDetails.open = wide.matches;
    this.onWidth = () => {
      this.filtersDetails.open = wide.matches;
    };
    wide.addEventListener('change', this.onWidth);
    this.wide = wide;
    fill(
      root,
      h(
        'div',
        {class: 'songs'},
        h('aside', {class: 'sidebar', 'aria-label': 'Filters'}, this.filtersDetails),
        h(
          'div',
          {class: 'content'},
          h(
            'header',
            {class: 'content-head'},
            h('div', {class: 'heading-row'}, this.heading, this.total),
            h(
              'form',
              {
                class: 'search',
                role: 'search',
                onsubmit: (event) => {
                  event.preventDefault();
                  this.searchNow();
                },
              },
              icon('search'),
              this.search,
            ),
            this.tools,
          ),
          this.chips,
          this.notices,
          this.results,
          this.pager,
        ),
      ),
    );
  }

  destroy() {
    clearTimeout(this.typing);
    this.abort?.abort();
    this.countAbort?.abort();
    this.wide.removeEventListener('change', this.onWidth);
  }

  searchSoon() {
    clearTimeout(this.typing);
    this.typing = setTimeout(() => this.searchNow(), TYPING_MS);
  }

  searchNow() {
    clearTimeout(this.typing);
    const q = this.search.value.trim();
    const now = parameters();
    if ((now.get('q') ?? '') === q) return;
    // What is typed in one go is one step of the browser's history.
    const replace = historyState().typed === true;
    go(addressWith({q, cursor: null, page: null}), {replace, state: {typed: true}});
  }

  update(now) {
    if (document.activeElement !== this.search) this.search.value = now.get('q') ?? '';
    const filter = filterOf(now);
    const level = levelOf(now.get('played'));
    const key = JSON.stringify([filter, level.period]);
    if (key !== this.filterKey) {
      this.filterKey = key;
      this.counts = null;
      this.periods = null;
      this.countSongs(now, filter, level.period);
    }
    this.showFrame(now);
    this.load(now, filter);
  }

  showFrame(now) {
    const user = now.get('user');
    const userName = user ? (this.userNames.get(user) ?? null) : null;
    refill(this.filters, facets(now, {counts: this.counts, periods: this.periods, userName}));
    const used = FILTERS.filter((name) => now.get(name));
    const label = this.filtersDetails.querySelector('.filters-label');
    label.textContent = used.length ? `Filters (${used.length})` : 'Filters';
    refill(this.chips, chips(now, FILTERS, userName));
    refill(
      this.tools,
      toolbar(now, () => this.exportSongs()),
    );
    fill(this.total, this.counts ? plural(this.counts.total, 'song') : '');
  }

  async countSongs(now, filter, period) {
    this.countAbort?.abort();
    const {signal} = (this.countAbort = new AbortController());
    const user = now.get('user');
    const ask = async (path, query) => {
      try {
        return await api.get(path, query, signal);
      } catch (error) {
        if (error.name === 'AbortError') throw error;
        this.handleError(error);
        return undefined;
      }
    };
    try {
      const [counts, periods] = await Promise.all([
        ask('songs/count', filter),
        ask('songs/periods', {...filter, period}),
        user && !this.userNames.has(user) && this.learnName(user, signal),
      ]);
      this.counts = counts;
      this.periods = periods?.results;
      this.showFrame(parameters());
    } catch (error) {
      if (error.name !== 'AbortError') throw error;
    }
  }

  async learnName(user, signal) {
    try {
      const {result} = await api.get(`users/${encodeURIComponent(user)}`, {}, signal);
      this.userNames.set(user, result.username);
    } catch (error) {
      if (error.name === 'AbortError') throw error;
      this.userNames.set(user, null);
    }
  }

  async load(now, filter) {
    this.abort?.abort();
    const {signal} = (this.abort = new AbortController());
    this.results.setAttribute('aria-busy', 'true');
    if (!this.results.querySelector('.table, .grid')) fill(this.results, loading());
    try {
      const page = await this.fetchPage(now, filter, signal);
      this.show(now, page);
    } catch (error) {
      if (error.name === 'AbortError') return;
      if (this.handleError(error)) return;
      fill(this.notices);
      fill(this.pager);
      fill(
        this.results,
        failed(error, () => this.load(now, filter)),
      );
    }
    this.results.removeAttribute('aria-busy');
  }

  /** A page's songs: several answers where the search finds little. */
  async fetchPage(now, filter, signal) {
    const limit = Number(now.get('limit')) || PAGE_SIZE;
    const page = {results: [], next: now.get('cursor')};
    for (let round = 0; round < MAX_ROUNDS; ++round) {
      const answer = await api.get(
        'songs',
        {
          ...filter,
          order_by: now.get('order') ?? USUAL_ORDER,
          limit: limit - page.results.length,
          cursor: page.next,
        },
        signal,
      );
      page.results.push(...answer.results);
      page.next = answer.next;
      page.behind ??= answer.behind;
      page.notInNames = answer.words_not_in_names ?? [];
      if (!page.next || page.results.length >= limit) break;
    }
    page.isShort = page.next !== null && page.results.length < limit;
    return page;
  }

  show(now, page) {
    fill(this.notices, this.noticesOf(page));
    if (page.results.length > 0) {
      fill(this.results, this.listing(now, page.results));
    } else {
      fill(this.results, this.nothing(now, page));
    }
    this.results.scrollTop = 0;
    fill(this.pager, pager(now, page));
    announce(`${plural(page.results.length, 'song')} shown`);
  }

  listing(now, items) {
    if (now.get('show') === 'grid') return grid(items, Number(now.get('size') ?? 174));
    return table('Songs', items, columnsOf(now), {
      order: now.get('order') ?? USUAL_ORDER,
      addressOfOrder: (order) => addressWith({order, cursor: null, page: null}),
    });
  }

  nothing(now, page) {
    if (page.isShort) {
      return empty(
        'Nothing found yet',
        'The search goes through many songs. It can go on from where it is.',
      );
    }
    const filtered = FILTERS.some((name) => now.get(name));
    if (!filtered) {
      return empty(
        'No songs yet',
        'Songs appear here once users have stored a key and their plays are fetched.',
      );
    }
    return empty(
      'No song matches',
      'Every filter must hold at once. Take one away, or all of them.',
      h('a', {class: 'button', href: addressWith(withoutFilter())}, 'Clear all filters'),
    );
  }

  noticesOf(page) {
    const list = [];
    if (page.behind) {
      list.push(
        notice(
          'warning',
          `The index of this list is behind: ${plural(page.behind.batches, 'batch', 'batches')} of plays not in it yet, the oldest from ${ago(page.behind.since)}.`,
        ),
      );
    }
    if (page.notInNames.length > 0) {
      list.push(
        notice(
          'info',
          'So many users have ',
          page.notInNames.map((word, i) => [i > 0 && ', ', h('bdi', {}, `“${word}”`)]),
          ' in their name that names were not searched for it.',
        ),
      );
    }
    return list;
  }

  exportSongs() {
    const now = parameters();
    const dialog = exportDialog(
      filterOf(now),
      now.get('order') ?? USUAL_ORDER,
      this.counts?.total ?? null,
    );
    dialog.addEventListener('close', () => dialog.remove());
    document.body.append(dialog);
    dialog.showModal();
  }

  /** What single keys do here, beside what they do everywhere. */
  keys = {
    '/': {label: 'Search', run: () => this.search.select()},
    j: {label: 'Next song', run: () => this.step(1)},
    k: {label: 'Previous song', run: () => this.step(-1)},
    v: {
      label: 'Table or grid',
      run: () => go(addressWith({show: parameters().get('show') === 'grid' ? null : 'grid'})),
    },
    n: {label: 'Next page', run: () => this.pager.querySelector('[rel=next]')?.click()},
    p: {label: 'Previous page', run: () => this.pager.querySelector('[rel=prev]')?.click()},
    e: {label: 'Export as CSV', run: () => this.exportSongs()},
    x: {label: 'Clear all filters', run: () => go(addressOf('songs'))},
  };

  step(by) {
    const links = [...this.results.querySelectorAll('a.title')];
    const at = links.findIndex((link) => link === document.activeElement);
    links[Math.min(Math.max(at + by, 0), links.length - 1)]?.focus();
  }
}
