// The songs as a grid of album art.

import {art} from './art.js';
import {text, titleLink} from './columns.js';
import {h} from './dom.js';
import {ago, sourceName, time} from './format.js';

// Below this size a picture stands alone and its words are its name.
const WITH_WORDS = 174;

function tooltip({song}) {
  const by = song.artist ? ` – ${song.artist}` : '';
  return `${song.title}${by}\n${sourceName(song.source)}, ${time(song.played_at)} UTC`;
}

function cell(item, pixels) {
  const {song} = item;
  if (pixels < WITH_WORDS) {
    const link = titleLink(item, art(song, pixels));
    link.setAttribute('aria-label', song.artist ? `${song.title} – ${song.artist}` : song.title);
    link.setAttribute('title', tooltip(item));
    return h('li', {}, link);
  }
  return h(
    'li',
    {class: 'cover'},
    titleLink(item, art(song, pixels), h('span', {class: 'cover-title'}, text(song.title))),
    h('span', {class: 'cover-artist'}, text(song.artist)),
    h(
      'span',
      {class: 'cover-facts faint'},
      h('span', {class: `dot dot-${song.source}`}, sourceName(song.source)),
      h(
        'time',
        {datetime: song.played_at, title: `${time(song.played_at)} UTC`},
        ago(song.played_at),
      ),
    ),
  );
}

export function grid(items, pixels) {
  return h(
    'ul',
    {class: `grid grid-${pixels}`, role: 'list', 'aria-label': 'Songs'},
    items.map((item) => cell(item, pixels)),
  );
}
