// The columns of the list of songs: every field that a song has. Each tells how it is ordered by
// and how a cell is made.

import {art, SIZES} from './art.js';
import {h, hidden, icon} from './dom.js';
import {ago, duration, exactTime, NOTHING, number, safeLink, sourceName, time} from './format.js';
import {addressOf} from './location.js';

/** A text of a source or a user, in its own direction. */
export function text(value) {
  return value ? h('bdi', {}, value) : h('span', {class: 'nothing'}, NOTHING);
}

export function sourceBadge(source) {
  return h('span', {class: `source source-${source}`}, sourceName(source));
}

export function flag(value, yes, no, picture) {
  return value
    ? h('span', {class: `flag flag-${picture}`, title: yes}, icon(picture), hidden(yes))
    : h(
        'span',
        {class: 'nothing', title: no},
        h('span', {'aria-hidden': 'true'}, NOTHING),
        hidden(no),
      );
}

/** A moment: exact in UTC, and how long ago, one above the other where it stands in a column. */
export function moment(value, {stacked = true} = {}) {
  if (!value) return text('');
  return h(
    'time',
    {datetime: value, title: exactTime(value), class: stacked ? 'moment moment-stacked' : 'moment'},
    h('span', {class: 'moment-exact'}, time(value)),
    h('span', {class: 'moment-ago'}, ago(value)),
  );
}

/** A link to somewhere else, where the address may be one; else its text. */
export function outside(address, label = address) {
  const href = safeLink(address);
  if (!href) return text(address);
  return h(
    'a',
    {href, target: '_blank', rel: 'noopener noreferrer', class: 'outside'},
    h('bdi', {}, label),
    icon('external'),
    hidden(' (opens another site in a new tab)'),
  );
}

export function userLink(id, name) {
  return h('a', {href: addressOf('user', {id})}, name ? h('bdi', {}, name) : `user ${id}`);
}

function mbid(field) {
  return ({song}) =>
    song[field]
      ? h('a', {href: addressOf('songs', {[field]: song[field]}), class: 'code'}, song[field])
      : text('');
}

function address(field) {
  return ({song}) => outside(song[field]);
}

export function titleLink(item, ...content) {
  return h('a', {href: addressOf('song', {id: item.song.id}), class: 'title'}, content);
}

/** A cell's `wide` says that its text is long, `number` that it stands at the right. */
export const COLUMNS = [
  {id: 'art', name: 'Art', cell: ({song}) => art(song, 34)},
  {
    id: 'title',
    name: 'Title',
    order: 'title',
    cell: (item) => titleLink(item, text(item.song.title)),
  },
  {id: 'artist', name: 'Artist', order: 'artist', cell: ({song}) => text(song.artist)},
  {id: 'album', name: 'Album', order: 'album', cell: ({song}) => text(song.album)},
  {
    id: 'played_at',
    name: 'Played (UTC)',
    order: 'played_at',
    newestFirst: true,
    cell: ({song}) => moment(song.played_at),
  },
  {id: 'source', name: 'Source', order: 'source', cell: ({song}) => sourceBadge(song.source)},
  {
    id: 'user',
    name: 'User',
    order: 'user_id',
    cell: (item) => userLink(item.user_id, item.username),
  },
  {
    id: 'duration_ms',
    name: 'Length',
    order: 'duration_ms',
    number: true,
    cell: ({song}) => duration(song.duration_ms),
  },
  {
    id: 'loved',
    name: 'Loved',
    order: 'loved',
    newestFirst: true,
    cell: ({song}) => flag(song.loved, 'Loved', 'Not loved', 'heart'),
  },
  {
    id: 'streamable',
    name: 'Streamable',
    order: 'streamable',
    newestFirst: true,
    cell: ({song}) => flag(song.streamable, 'Streamable', 'Not streamable', 'check'),
  },
  {
    id: 'batch',
    name: 'Batch',
    order: 'batch_id',
    newestFirst: true,
    number: true,
    cell: (item) =>
      h('a', {href: addressOf('songs', {batch: item.batch_id})}, number(item.batch_id)),
  },
  {
    id: 'id',
    name: 'Id',
    order: 'id',
    newestFirst: true,
    number: true,
    cell: ({song}) => number(song.id),
  },
  {id: 'track_mbid', name: 'Track MBID', order: 'track_mbid', cell: mbid('track_mbid')},
  {id: 'artist_mbid', name: 'Artist MBID', order: 'artist_mbid', cell: mbid('artist_mbid')},
  {id: 'album_mbid', name: 'Album MBID', order: 'album_mbid', cell: mbid('album_mbid')},
  {id: 'track_url', name: 'Track page', wide: true, cell: address('track_url')},
  {
    id: 'artists_url',
    name: 'Artists’ pages',
    wide: true,
    cell: ({song}) => artistPages(song.artists_url),
  },
  {
    id: 'artist_lastfm_url',
    name: 'Artist at Last.fm',
    wide: true,
    cell: address('artist_lastfm_url'),
  },
  {id: 'album_thumbnail', name: 'Main art', wide: true, cell: address('album_thumbnail')},
  ...SIZES.map(({field, pixels}) => ({
    id: field,
    name: `${pixels} px art`,
    wide: true,
    cell: address(field),
  })),
];

/** Several addresses, joined by ", " as they are stored. */
export function artistPages(joined) {
  if (!joined) return text('');
  return joined.split(', ').map((one) => h('span', {class: 'one-address'}, outside(one)));
}

const USUAL = [
  'art',
  'title',
  'artist',
  'album',
  'played_at',
  'source',
  'user',
  'duration_ms',
  'loved',
];
const USUAL_WIDE = [...USUAL, 'streamable', 'batch', 'track_mbid'];

/** The columns where the address names none: more of them on a wide screen. */
function usualColumns() {
  return window.matchMedia('(min-width: 1900px)').matches ? USUAL_WIDE : USUAL;
}

/** The columns that the address names, in their own order; the title is always there. */
export function columnsOf(parameters) {
  const named = parameters.get('columns')?.split(',') ?? usualColumns();
  return COLUMNS.filter(({id}) => id === 'title' || named.includes(id));
}
