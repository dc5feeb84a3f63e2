// How the list of songs is shown: table or grid, the size of the art, the order, the columns.

import {SIZES} from './art.js';
import {COLUMNS, columnsOf} from './columns.js';
import {h, hidden, icon} from './dom.js';
import {addressWith, go} from './location.js';

export const USUAL_ORDER = '-played_at';
export const PAGE_SIZE = 100;
const PAGE_SIZES = [50, 100, 200];
const AFRESH = {cursor: null, page: null};

/** One of a few links side by side, of which the chosen one is marked. */
export function segment(parameters, {name, value, usual, label, picture = null}) {
  return h(
    'a',
    {
      class: 'segment',
      href: addressWith({[name]: value === usual ? null : value}),
      'aria-current': (parameters.get(name) ?? usual) === value && 'true',
      'data-key': `${name}:${value}`,
    },
    picture && icon(picture),
    label,
  );
}

/** A choice of one value, which becomes a parameter of the address. Options are [value, text]. */
export function select(label, name, options, chosen, usual) {
  const choose = (event) => {
    const {value} = event.target;
    go(addressWith({...AFRESH, [name]: value === usual ? null : value}));
  };
  return h(
    'label',
    {class: `select select-${name}`},
    hidden(label),
    h(
      'select',
      {'data-key': `select:${name}`, onchange: choose},
      options.map(([value, text]) => h('option', {value, selected: value === chosen}, text)),
    ),
    icon('down'),
  );
}

function wordsOfOrder(column, descending) {
  if (column.id === 'played_at') return descending ? 'newest first' : 'oldest first';
  if (['loved', 'streamable'].includes(column.id)) return descending ? 'yes first' : 'no first';
  if (column.number || column.id === 'user') return descending ? 'greatest first' : 'least first';
  return descending ? 'Z to A' : 'A to Z';
}

function orders() {
  return COLUMNS.filter((column) => column.order).flatMap((column) => {
    const directions = column.newestFirst ? [true, false] : [false, true];
    return directions.map((descending) => [
      `${descending ? '-' : ''}${column.order}`,
      `${column.name.replace(' (UTC)', '')}, ${wordsOfOrder(column, descending)}`,
    ]);
  });
}

function columnsMenu(parameters) {
  const chosen = columnsOf(parameters).map(({id}) => id);
  const change = (event) => {
    const boxes = [...event.currentTarget.querySelectorAll('input:checked')];
    const columns = ['title', ...boxes.map((box) => box.value)].join(',');
    go(addressWith({columns}), {replace: true});
  };
  const closeOnEscape = (event) => {
    if (event.key !== 'Escape' || !event.currentTarget.open) return;
    event.currentTarget.open = false;
    event.currentTarget.querySelector('summary').focus();
    event.stopPropagation();
  };
  return h(
    'details',
    {class: 'menu', onkeydown: closeOnEscape},
    h(
      'summary',
      {class: 'button', 'data-key': 'columns'},
      icon('columns'),
      h('span', {class: 'button-label'}, 'Columns'),
    ),
    h(
      'fieldset',
      {class: 'menu-body', onchange: change},
      h('legend', {}, 'Columns to show'),
      h(
        'div',
        {class: 'menu-boxes'},
        COLUMNS.filter(({id}) => id !== 'title').map(({id, name}) =>
          h(
            'label',
            {class: 'box'},
            h('input', {
              type: 'checkbox',
              value: id,
              checked: chosen.includes(id),
              'data-key': `column:${id}`,
            }),
            name,
          ),
        ),
      ),
      h(
        'a',
        {
          class: 'button button-small',
          href: addressWith({columns: null}),
          'data-key': 'column:usual',
        },
        'The usual ones',
      ),
    ),
  );
}

function sizes(parameters) {
  return h(
    'div',
    {class: 'segments', role: 'group', 'aria-label': 'Size of the art'},
    SIZES.map(({pixels}) =>
      segment(parameters, {
        name: 'size',
        value: String(pixels),
        usual: '174',
        label: [String(pixels), hidden(' pixels')],
      }),
    ),
  );
}

function pageSizes(parameters) {
  const chosen = Number(parameters.get('limit')) || PAGE_SIZE;
  const values = [...new Set([...PAGE_SIZES, chosen])].sort((a, b) => a - b);
  return select(
    'Songs a page',
    'limit',
    values.map((value) => [String(value), `${value} a page`]),
    String(chosen),
    String(PAGE_SIZE),
  );
}

/** The controls above the list. `exportSongs` is what the button does. */
export function toolbar(parameters, exportSongs) {
  const isGrid = parameters.get('show') === 'grid';
  const show = (value, label) =>
    segment(parameters, {name: 'show', value, usual: 'table', label, picture: value});
  return [
    h(
      'div',
      {class: 'segments', role: 'group', 'aria-label': 'Show as'},
      show('table', 'Table'),
      show('grid', 'Grid'),
    ),
    isGrid && sizes(parameters),
    select('Order', 'order', orders(), parameters.get('order') ?? USUAL_ORDER, USUAL_ORDER),
    pageSizes(parameters),
    h('span', {class: 'space'}),
    !isGrid && columnsMenu(parameters),
    h(
      'button',
      {
        type: 'button',
        class: 'button',
        'data-key': 'export',
        'aria-keyshortcuts': 'e',
        onclick: exportSongs,
      },
      icon('download'),
      h('span', {class: 'button-label'}, 'Export CSV'),
    ),
  ];
}
