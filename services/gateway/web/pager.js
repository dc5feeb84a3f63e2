// From page to page of a list. The API gives the way forward alone; the way back is remembered
// beside the address in the browser's history, and an address that came from elsewhere has the
// first page.

import {h, icon} from './dom.js';
import {number} from './format.js';
import {addressWith, historyState} from './location.js';

function link(label, direction, address, state) {
  const back = direction === 'prev';
  const element = h(
    'a',
    {class: 'button', href: address, rel: direction, 'data-key': `page:${direction}`},
    back && icon('previous'),
    label,
    !back && icon('next'),
  );
  element.historyState = state;
  return element;
}

function previous(page, cursors) {
  if (page === 1) return null;
  if (cursors.length !== page - 1) {
    return link('First page', 'prev', addressWith({cursor: null, page: null}), null);
  }
  const changes = {cursor: cursors.at(-1), page: page > 2 ? page - 1 : null};
  return link('Previous', 'prev', addressWith(changes), {cursors: cursors.slice(0, -1)});
}

/**
 * The links around a page of a list. `next` is where to go on, null on the last page; `isShort`
 * says that the page ended before it was full.
 */
export function pager(parameters, {next, isShort = false}) {
  const page = Number(parameters.get('page')) || 1;
  const cursors = historyState().cursors ?? [];
  const isKnown = page === 1 || cursors.length === page - 1;
  const before = previous(page, page === 1 ? [] : cursors);
  const after =
    next !== null &&
    link(
      isShort ? 'Keep searching' : 'Next',
      'next',
      addressWith({cursor: next, page: page + 1}),
      isKnown ? {cursors: [...(page === 1 ? [] : cursors), parameters.get('cursor') ?? '']} : null,
    );
  if (!before && !after) return [];
  return [
    h('span', {class: 'pager-side'}, before),
    h('span', {class: 'faint'}, `Page ${number(page)}`),
    h('span', {class: 'pager-side pager-end'}, after),
  ];
}
