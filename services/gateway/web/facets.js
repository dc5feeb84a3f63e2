// The filters beside the list of songs, each with the number of songs that it would leave.

import * as api from './api.js';
import {fill, h, hidden, icon} from './dom.js';
import {describe} from './filter.js';
import {count, monthName, sourceName} from './format.js';
import {addressWith, go} from './location.js';

// Another filter begins at its first page.
const AFRESH = {cursor: null, page: null};

function option(key, label, songs, address, chosen) {
  return h(
    'li',
    {},
    h(
      'a',
      {class: 'facet', href: address, 'aria-current': chosen && 'true', 'data-key': key},
      h('span', {class: 'facet-name'}, label),
      h(
        'span',
        {class: 'facet-count'},
        songs === null ? '' : count(songs),
        songs && hidden(' songs'),
      ),
    ),
  );
}

function group(heading, ...content) {
  return h('section', {class: 'group'}, h('h3', {}, heading), content);
}

/** A filter by one of a few values; choosing what is chosen takes it away. */
function choices(heading, name, values, parameters) {
  const chosen = parameters.get(name);
  return group(
    heading,
    h(
      'ul',
      {class: 'facets', role: 'list'},
      values.map(({value, label, songs}) => {
        const isChosen = chosen === String(value);
        const address = addressWith({...AFRESH, [name]: isChosen ? null : value});
        return option(`${name}:${value}`, label, songs, address, isChosen);
      }),
    ),
  );
}

function flagValues(counts, yes, no) {
  return [true, false].map((value) => ({
    value,
    label: value ? yes : no,
    songs: counts?.find((one) => one.value === value)?.songs ?? null,
  }));
}

function sourceValues(counts) {
  return ['spotify', 'lastfm'].map((value) => ({
    value,
    label: sourceName(value),
    songs: counts?.find((one) => one.source === value)?.songs ?? null,
  }));
}

/** What the periods below the chosen one are, and how one of them is named. */
export function levelOf(played) {
  const parts = played ? played.split('-') : [];
  if (parts.length === 0) return {period: 'year', characters: 4, name: (text) => text.slice(0, 4)};
  if (parts.length === 1) {
    return {period: 'month', characters: 7, name: (text) => monthName(Number(text.slice(5, 7)))};
  }
  return {
    period: 'day',
    characters: 10,
    name: (text) => `${Number(text.slice(8, 10))} ${monthName(Number(text.slice(5, 7)))}`,
  };
}

function crumbs(played) {
  const parts = played.split('-');
  const steps = [{label: 'All years', value: null}];
  parts.forEach((_, i) => {
    const value = parts.slice(0, i + 1).join('-');
    const label =
      i === 0 ? value : i === 1 ? monthName(Number(parts[1])) : String(Number(parts[2]));
    steps.push({label, value});
  });
  return h(
    'ol',
    {class: 'crumbs', role: 'list', 'aria-label': 'Chosen period'},
    steps.map(({label, value}, i) =>
      h(
        'li',
        {},
        i === steps.length - 1
          ? h('span', {'aria-current': 'true'}, label)
          : h(
              'a',
              {href: addressWith({...AFRESH, played: value}), 'data-key': `crumb:${i}`},
              label,
            ),
      ),
    ),
  );
}

function bars(results, level, played) {
  const most = Math.max(...results.map(({songs}) => songs.count), 1);
  return h(
    'ul',
    {class: 'facets bars', role: 'list'},
    results.map(({from, songs}) => {
      const value = from.slice(0, level.characters);
      const row = option(
        `played:${value}`,
        level.name(from),
        songs,
        addressWith({...AFRESH, played: value, from: null, until: null}),
        value === played,
      );
      row.firstChild.style.setProperty('--share', songs.count / most);
      return row;
    }),
  );
}

/** Year, then month, then day, each with its songs. `periods` is null while they are counted. */
function playedGroup(parameters, periods) {
  const played = parameters.get('played');
  const level = levelOf(played);
  return group(
    'Played',
    played && crumbs(played),
    periods === null
      ? h('p', {class: 'faint'}, 'Counting…')
      : periods.length === 0
        ? h('p', {class: 'faint'}, 'No songs.')
        : bars(periods, level, played),
  );
}

function field(label, name, value, attributes = {}) {
  return h(
    'label',
    {class: 'field'},
    h('span', {}, label),
    h('input', {name, value, autocomplete: 'off', spellcheck: 'false', ...attributes}),
  );
}

function apply(label) {
  const attributes = {type: 'submit', class: 'button button-small', 'aria-label': `Apply ${label}`};
  return h('button', attributes, 'Apply');
}

/** A form whose fields become parameters of the address when it is sent. */
function form(label, names, fields, extra = {}) {
  return h(
    'form',
    {
      class: 'facet-form',
      onsubmit(event) {
        event.preventDefault();
        const values = new FormData(event.target);
        const changes = {...AFRESH, ...extra};
        for (const name of names) changes[name] = (values.get(name) ?? '').trim();
        go(addressWith(changes));
      },
    },
    fields,
    apply(label),
  );
}

function more(label, key, open, ...content) {
  return h(
    'details',
    {class: 'group', open},
    h('summary', {'data-key': key}, h('h3', {}, label), icon('down')),
    content,
  );
}

function spanGroup(parameters) {
  const [from, until] = ['from', 'until'].map((name) => parameters.get(name) ?? '');
  return more(
    'Between two days',
    'more:span',
    Boolean(from || until),
    form(
      'the two days',
      ['from', 'until'],
      [
        field('First day', 'from', from, {type: 'date', 'data-key': 'from'}),
        field('Last day', 'until', until, {type: 'date', 'data-key': 'until'}),
      ],
      {played: null},
    ),
  );
}

function mbidGroup(parameters) {
  const names = {track_mbid: 'Track', artist_mbid: 'Artist', album_mbid: 'Album'};
  const open = Object.keys(names).some((name) => parameters.has(name));
  return more(
    'MusicBrainz ids',
    'more:mbid',
    open,
    form(
      'MusicBrainz ids',
      Object.keys(names),
      Object.entries(names).map(([name, label]) =>
        field(label, name, parameters.get(name) ?? '', {
          'data-key': name,
          class: 'code',
          maxlength: 36,
          placeholder: 'the whole id',
        }),
      ),
    ),
  );
}

/** Finds a user by name while it is typed, and filters by the user's id. */
function userGroup(parameters, userName) {
  const names = h('datalist', {id: 'user-names'});
  const problem = h('p', {class: 'problem', role: 'alert'});
  const found = new Map();
  async function look(text, limit = 8) {
    const {results} = await api.get('users', {q: text, limit, order_by: 'username'});
    results.forEach((user) => found.set(user.username.toLowerCase(), user));
    fill(
      names,
      results.map((user) => h('option', {value: user.username})),
    );
    return results;
  }
  const input = h('input', {
    name: 'user-name',
    list: 'user-names',
    value: userName ?? '',
    autocomplete: 'off',
    spellcheck: 'false',
    maxlength: 150,
    'data-key': 'user-name',
    oninput: () => input.value.trim() && look(input.value.trim()).catch(() => {}),
  });
  return more(
    'User and batch',
    'more:user',
    parameters.has('user') || parameters.has('batch'),
    h(
      'form',
      {
        class: 'facet-form',
        async onsubmit(event) {
          event.preventDefault();
          problem.textContent = '';
          const name = input.value.trim().toLowerCase();
          const batch = new FormData(event.target).get('batch').trim();
          try {
            if (name && !found.has(name)) await look(input.value.trim(), 200);
          } catch {
            problem.textContent = 'The names of users could not be asked for.';
            return;
          }
          const user = found.get(name);
          if (name && !user) {
            problem.textContent = 'No user has this name.';
            return;
          }
          go(addressWith({...AFRESH, user: user?.id, batch}));
        },
      },
      h('label', {class: 'field'}, h('span', {}, 'User name'), input),
      names,
      problem,
      field('Batch number', 'batch', parameters.get('batch') ?? '', {
        inputmode: 'numeric',
        pattern: '[1-9][0-9]{0,17}',
        title: 'a number greater than 0',
        'data-key': 'batch',
      }),
      apply('user and batch'),
    ),
  );
}

/**
 * All filters. `counts` and `periods` are null while they are counted, or undefined where that
 * failed.
 */
export function facets(parameters, {counts, periods, userName}) {
  return [
    choices('Source', 'source', sourceValues(counts?.by_source), parameters),
    choices('Loved', 'loved', flagValues(counts?.by_loved, 'Loved', 'Not loved'), parameters),
    choices(
      'Streamable',
      'streamable',
      flagValues(counts?.by_streamable, 'Streamable', 'Not streamable'),
      parameters,
    ),
    periods === undefined
      ? group('Played', h('p', {class: 'faint'}, 'They could not be counted.'))
      : playedGroup(parameters, periods),
    spanGroup(parameters),
    userGroup(parameters, userName),
    mbidGroup(parameters),
  ];
}

/** What the address filters by, each with a way to take it away. */
export function chips(parameters, names, userName) {
  const set = names.filter((name) => parameters.get(name));
  if (set.length === 0) return null;
  return h(
    'ul',
    {class: 'chips', role: 'list', 'aria-label': 'Filters in use'},
    set.map((name) => {
      const label = describe(name, parameters.get(name), userName);
      return h(
        'li',
        {},
        h(
          'a',
          {class: 'chip', href: addressWith({...AFRESH, [name]: null}), 'data-key': `chip:${name}`},
          h('bdi', {}, label),
          icon('close'),
          hidden(' – take this filter away'),
        ),
      );
    }),
    set.length > 1 &&
      h(
        'li',
        {},
        h(
          'a',
          {
            class: 'chip chip-clear',
            href: addressWith({...AFRESH, ...Object.fromEntries(set.map((name) => [name, null]))}),
            'data-key': 'chip:all',
          },
          'Clear all',
        ),
      ),
  );
}
