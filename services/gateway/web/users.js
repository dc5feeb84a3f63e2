// The users: who they are, how their keys fare, how many songs they have. A key itself is never
// shown, since the API has none to show.

import * as api from './api.js';
import {flag, moment, userLink} from './columns.js';
import {h, icon} from './dom.js';
import {NOTHING, number, sourceName, words} from './format.js';
import {ListingView} from './listing.js';
import {addressOf, addressWith, go, historyState, parameters} from './location.js';
import {segment, select} from './toolbar.js';

const USUAL_ORDER = '-id';
const TYPING_MS = 300;
const AFRESH = {cursor: null, page: null};

export const SOURCES = ['spotify', 'lastfm'];

const STATES = {ok: 'OK', needs_sign_in: 'Needs sign-in'};

/** How a key fares, in words and colour. */
export function keyState(key) {
  if (!key) return h('span', {class: 'nothing'}, NOTHING);
  return h('span', {class: `key-state key-${key.state}`}, STATES[key.state] ?? words(key.state));
}

/** The songs of a user from a source, which open as a list. */
export function songCount(user, source) {
  const counts = user.songs?.find((one) => one.source === source);
  if (!counts) return h('span', {class: 'nothing'}, user.songs ? NOTHING : '…');
  const {songs} = counts;
  if (songs.count === 0) return '0';
  const href = addressOf('songs', {user: user.id, source});
  return h('a', {href}, number(songs.count), songs.capped && '+');
}

/** Adds to each user how many songs there are from each source. */
export async function countSongs(users, signal) {
  const answer = await api.get('users/songs', {user_ids: users.map(({id}) => id)}, signal);
  for (const {user_id: id, by_source: songs} of answer.results) {
    const user = users.find((one) => one.id === id);
    if (user) user.songs = songs;
  }
}

function keyColumn(source) {
  return {
    id: `key-${source}`,
    name: `${sourceName(source)} key`,
    cell: (user) => keyState(user.keys.find((key) => key.service_name === source)),
  };
}

const COLUMNS = [
  {id: 'title', name: 'Name', order: 'username', cell: (user) => userLink(user.id, user.username)},
  {id: 'id', name: 'Id', order: 'id', newestFirst: true, number: true, cell: ({id}) => number(id)},
  {id: 'created', name: 'Registered (UTC)', cell: (user) => moment(user.created_at)},
  {id: 'staff', name: 'Staff', cell: ({staff}) => flag(staff, 'Staff', 'Not staff', 'check')},
  ...SOURCES.map(keyColumn),
  ...SOURCES.map((source) => ({
    id: `songs-${source}`,
    name: `${sourceName(source)} songs`,
    number: true,
    cell: (user) => songCount(user, source),
  })),
];

let typing = 0;

function search() {
  const input = h('input', {
    type: 'search',
    name: 'name',
    maxlength: 150,
    autocomplete: 'off',
    spellcheck: 'false',
    placeholder: 'Part of a name',
    'aria-label': 'Search users',
    'aria-keyshortcuts': '/',
    oninput: () => {
      clearTimeout(typing);
      typing = setTimeout(apply, TYPING_MS);
    },
  });
  function apply() {
    clearTimeout(typing);
    const name = input.value.trim();
    if (parameters().get('view') !== 'users' || (parameters().get('name') ?? '') === name) return;
    go(addressWith({...AFRESH, name}), {
      replace: historyState().typed === true,
      state: {typed: true},
    });
  }
  return h(
    'form',
    {
      class: 'search',
      role: 'search',
      onsubmit: (event) => {
        event.preventDefault();
        apply();
      },
    },
    icon('search'),
    input,
  );
}

function staffChoice(now) {
  const one = (value, label) => segment(now, {name: 'staff', value, usual: '', label});
  return h(
    'div',
    {class: 'segments', role: 'group', 'aria-label': 'Which users'},
    one('', 'All'),
    one('true', 'Staff'),
    one('false', 'Others'),
  );
}

const ORDERS = [
  ['-id', 'Newest first'],
  ['id', 'Oldest first'],
  ['username', 'Name, A to Z'],
  ['-username', 'Name, Z to A'],
];

const LIST = {
  title: 'Users',
  one: 'user',
  path: 'users',
  next: 'cursor',
  columns: COLUMNS,
  none: ['No user matches', 'No name has this text in it.'],
  query: (now) => ({
    q: now.get('name'),
    staff: now.get('staff'),
    order_by: now.get('order') ?? USUAL_ORDER,
  }),
  order: (now) => ({
    order: now.get('order') ?? USUAL_ORDER,
    addressOfOrder: (order) => addressWith({...AFRESH, order}),
  }),
  search,
  controls: (now) => [
    staffChoice(now),
    select('Order', 'order', ORDERS, now.get('order') ?? USUAL_ORDER, USUAL_ORDER),
  ],
  complete: countSongs,
};

export class UsersView extends ListingView {
  constructor(root, handleError) {
    super(root, handleError, LIST);
    this.keys['/'] = {label: 'Search', run: () => this.search.querySelector('input').select()};
  }

  destroy() {
    clearTimeout(typing);
    super.destroy();
  }
}
