// One song: its art in every size, every field, and the batch that brought it.

import * as api from './api.js';
import {art, SIZES} from './art.js';
import {artistPages, flag, moment, outside, sourceBadge, text, userLink} from './columns.js';
import {announce, fill, h, icon} from './dom.js';
import {duration, number, words} from './format.js';
import {addressOf, go, lastAddressOf} from './location.js';
import {failed, loading} from './states.js';

/** A list of names and values; `field` is the name that the API gives the value. */
export function facts(rows) {
  return h(
    'dl',
    {class: 'facts'},
    rows.map(([name, field, ...value]) =>
      h(
        'div',
        {},
        h('dt', {}, name, field && h('code', {class: 'field-name'}, field)),
        h('dd', {}, value),
      ),
    ),
  );
}

export function section(heading, ...content) {
  return h('section', {class: 'card'}, h('h2', {}, heading), content);
}

function mbid(song, field) {
  return song[field]
    ? h(
        'a',
        {
          href: addressOf('songs', {[field]: song[field]}),
          class: 'code',
          title: 'All songs with this id',
        },
        song[field],
      )
    : text('');
}

const MAIN = {field: 'album_thumbnail', name: 'main', pixels: 300, label: 'Main'};
// What is missing is drawn no larger than this: it has nothing more to show.
const MISSING_PIXELS = 64;

function picture(song, {field, name, pixels, label = `${pixels} × ${pixels}`}) {
  const url = song[field];
  const shown = url ? pixels : Math.min(pixels, MISSING_PIXELS);
  const alt = url ? `Album art, ${name}` : `No ${name} album art`;
  return h(
    'figure',
    {class: 'artwork'},
    art(song, shown, {exact: url ?? '', eager: true, alt}),
    h(
      'figcaption',
      {},
      h('strong', {}, label),
      h('code', {class: 'field-name'}, field),
      url ? outside(url, 'Address') : h('span', {class: 'faint'}, 'none'),
    ),
  );
}

/** Every size that there is of the art, at that size. */
function artwork(song) {
  const pictures = [...SIZES, MAIN].map((one) => picture(song, one));
  return section('Album art', h('div', {class: 'artworks'}, pictures));
}

function play({song, user_id: userId, username}) {
  return section(
    'Play',
    facts([
      ['Id', 'id', number(song.id)],
      ['Title', 'title', text(song.title)],
      ['Artist', 'artist', text(song.artist)],
      ['Album', 'album', text(song.album)],
      ['Played', 'played_at', moment(song.played_at)],
      ['User', 'user_id', userLink(userId, username)],
      ['Source', 'source', sourceBadge(song.source)],
      [
        'Length',
        'duration_ms',
        duration(song.duration_ms),
        song.duration_ms > 0 && h('span', {class: 'faint'}, ` ${number(song.duration_ms)} ms`),
      ],
      ['Loved', 'loved', flag(song.loved, 'Loved', 'Not loved', 'heart'), song.loved ? ' yes' : ''],
      [
        'Streamable',
        'streamable',
        flag(song.streamable, 'Streamable', 'Not streamable', 'check'),
        song.streamable ? ' yes' : '',
      ],
    ]),
  );
}

function addresses(song) {
  return section(
    'Addresses',
    facts([
      ['Track page', 'track_url', outside(song.track_url)],
      ['Artists’ pages', 'artists_url', artistPages(song.artists_url)],
      ['Artist at Last.fm', 'artist_lastfm_url', outside(song.artist_lastfm_url)],
      ['Main album art', 'album_thumbnail', outside(song.album_thumbnail)],
    ]),
  );
}

function musicBrainz(song) {
  return section(
    'MusicBrainz',
    facts([
      ['Track', 'track_mbid', mbid(song, 'track_mbid')],
      ['Artist', 'artist_mbid', mbid(song, 'artist_mbid')],
      ['Album', 'album_mbid', mbid(song, 'album_mbid')],
    ]),
  );
}

function batchSection(batch) {
  if (!batch) return section('Batch', h('p', {class: 'faint'}, 'It is not known any more.'));
  return section(
    'Batch',
    facts([
      [
        'Number',
        'batch_id',
        h('a', {href: addressOf('songs', {batch: batch.id})}, number(batch.id), ' – all its songs'),
      ],
      ['Brought by', 'origin', words(batch.origin)],
      ['Stored', 'created_at', moment(batch.created_at)],
      ['New plays', 'inserted', number(batch.inserted)],
      ['Changed plays', 'updated', number(batch.updated)],
    ]),
  );
}

function hero(item) {
  const {song} = item;
  return h(
    'header',
    {class: 'hero'},
    art(song, 300, {eager: true}),
    h(
      'div',
      {class: 'hero-words'},
      h(
        'p',
        {class: 'hero-kind'},
        sourceBadge(song.source),
        song.loved && h('span', {class: 'flag flag-heart'}, icon('heart'), 'Loved'),
      ),
      h('h1', {tabindex: -1}, text(song.title)),
      h('p', {class: 'hero-artist'}, text(song.artist)),
      song.album && h('p', {class: 'hero-album'}, text(song.album)),
      h(
        'p',
        {class: 'faint'},
        'Played by ',
        userLink(item.user_id, item.username),
        ' ',
        moment(song.played_at, {stacked: false}),
      ),
    ),
  );
}

export class SongView {
  title = 'Song';

  constructor(root, handleError) {
    this.handleError = handleError;
    this.root = fill(root, h('div', {class: 'page'}));
    this.page = root.firstChild;
  }

  destroy() {
    this.abort?.abort();
  }

  async update(parameters) {
    this.abort?.abort();
    const {signal} = (this.abort = new AbortController());
    fill(this.page, loading(6));
    try {
      const id = encodeURIComponent(parameters.get('id') ?? '');
      const {result, batch} = await api.get(`songs/${id}`, {}, signal);
      this.show(result, batch);
    } catch (error) {
      if (error.name === 'AbortError' || this.handleError(error)) return;
      fill(
        this.page,
        this.back(),
        failed(error, () => this.update(parameters)),
      );
    }
  }

  back() {
    return h(
      'p',
      {class: 'back'},
      h('a', {href: lastAddressOf('songs')}, icon('back'), 'All songs'),
    );
  }

  show(item, batch) {
    this.title = item.song.title;
    document.title = `${item.song.title} · Playlog admin`;
    fill(
      this.page,
      this.back(),
      hero(item),
      h(
        'div',
        {class: 'cards'},
        h('div', {class: 'cards-column'}, play(item), musicBrainz(item.song)),
        h(
          'div',
          {class: 'cards-column'},
          artwork(item.song),
          addresses(item.song),
          batchSection(batch),
        ),
      ),
      h(
        'p',
        {class: 'faint read-only-note'},
        icon('lock'),
        'Songs come from Spotify and Last.fm alone. Nothing here creates, edits or deletes one.',
      ),
    );
    this.page.querySelector('h1').focus({preventScroll: true});
    announce(`${item.song.title}, ${item.song.artist}`);
  }

  keys = {u: {label: 'Back to the songs', run: () => go(lastAddressOf('songs'))}};
}
