// Tables that are tables to every reader, and cards on a narrow screen. The roles are said again
// because a browser forgets them where a style shows a row as a card.

import {h, hidden, icon} from './dom.js';

function heading(column, order, addressOfOrder) {
  const properties = {role: 'columnheader', scope: 'col', class: classOf(column)};
  if (!column.order) {
    return h('th', properties, column.id === 'art' ? hidden(column.name) : column.name);
  }
  const ascending = order === column.order;
  const descending = order === `-${column.order}`;
  properties['aria-sort'] = ascending ? 'ascending' : descending ? 'descending' : null;
  const first = column.newestFirst ? `-${column.order}` : column.order;
  const other = column.newestFirst ? column.order : `-${column.order}`;
  const next = order === first ? other : first;
  return h(
    'th',
    properties,
    h(
      'a',
      {class: 'sort', href: addressOfOrder(next), 'data-key': `sort:${column.id}`},
      column.name,
      icon(
        ascending ? 'up' : 'down',
        ascending || descending ? 'sort-mark' : 'sort-mark sort-idle',
      ),
    ),
  );
}

function classOf(column) {
  return `column-${column.id}${column.number ? ' number' : ''}${column.wide ? ' wide' : ''}`;
}

function row(item, columns) {
  return h(
    'tr',
    {role: 'row'},
    columns.map((column) =>
      h('td', {role: 'cell', class: classOf(column), 'data-label': column.name}, column.cell(item)),
    ),
  );
}

/**
 * A table of items. Columns are {id, name, cell(item)} with `order` where the list can be ordered
 * by them; `addressOfOrder` makes the address of such an order.
 */
export function table(caption, items, columns, {order = '', addressOfOrder = null} = {}) {
  const shown = addressOfOrder ? columns : columns.map((column) => ({...column, order: null}));
  return h(
    'table',
    {role: 'table', class: 'table'},
    h('caption', {class: 'visually-hidden'}, caption),
    h(
      'thead',
      {role: 'rowgroup'},
      h(
        'tr',
        {role: 'row'},
        shown.map((column) => heading(column, order, addressOfOrder)),
      ),
    ),
    h(
      'tbody',
      {role: 'rowgroup'},
      items.map((item) => row(item, shown)),
    ),
  );
}
