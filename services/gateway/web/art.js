// Album art: the right size of a picture, loaded when it comes into sight, over a drawing that
// shows where there is none or it does not load.

import {drawnRecord, h} from './dom.js';

// The only servers that pictures are asked from; the Content-Security-Policy allows the same.
const origins = new Set(
  (document.querySelector('meta[name="art-origins"]')?.content ?? '').split(' ').filter(Boolean),
);

/** The four sizes that the sources name, in pixels, with their fields. */
export const SIZES = [
  {field: 'album_thumbnail_small', name: 'small', pixels: 34},
  {field: 'album_thumbnail_medium', name: 'medium', pixels: 64},
  {field: 'album_thumbnail_large', name: 'large', pixels: 174},
  {field: 'album_thumbnail_extralarge', name: 'extralarge', pixels: 300},
];

// The id of a picture of Spotify begins with 16 digits that tell its width. Where this does not
// hold for one of them, the stored address is loaded in its place.
const SPOTIFY = /^(https?:\/\/[^/]+(?:\/art)?\/image\/)ab67616d0000b273([0-9a-f]+)$/;
const SPOTIFY_WIDTHS = [
  ['ab67616d00004851', 64],
  ['ab67616d00001e02', 300],
  ['ab67616d0000b273', 640],
];

/** The address if pictures may come from it, else null. */
function allowedPicture(text) {
  if (!text) return null;
  try {
    const url = new URL(text);
    return origins.has(url.origin) ? url.href : null;
  } catch {
    return null;
  }
}

/** What is known of a song's pictures: [{url, pixels}], the smallest first. */
function picturesOf(song) {
  const pictures = [];
  for (const {field, pixels} of SIZES) {
    const url = allowedPicture(song[field]);
    if (url) pictures.push({url, pixels});
  }
  if (pictures.length > 0) return pictures;
  const url = allowedPicture(song.album_thumbnail);
  if (!url) return [];
  const parts = SPOTIFY.exec(url);
  if (!parts) return [{url, pixels: 300}];
  return SPOTIFY_WIDTHS.map(([id, pixels]) => ({url: parts[1] + id + parts[2], pixels}));
}

// The same album is drawn in the same colour everywhere.
function hueOf(song) {
  let hash = 0;
  for (const character of `${song.album}|${song.artist}`) {
    hash = (hash * 31 + character.codePointAt(0)) % 360;
  }
  return hash;
}

function showPicture(frame, picture, fallback) {
  picture.addEventListener('load', () => frame.classList.add('has-picture'), {once: true});
  picture.addEventListener('error', () => {
    if (fallback && picture.getAttribute('src') !== fallback) {
      picture.removeAttribute('srcset');
      picture.src = fallback;
    } else {
      picture.remove();
    }
  });
  frame.append(picture);
}

/**
 * A song's art, `pixels` wide and high. `exact` is the one address to show in place of the best
 * size for the screen. `alt` is empty where the song's name stands beside it.
 */
export function art(song, pixels, {alt = '', exact = undefined, eager = false} = {}) {
  const frame = h('span', {class: `art art-${pixels}`}, drawnRecord());
  frame.style.setProperty('--hue', hueOf(song));
  const pictures = exact === undefined ? picturesOf(song) : [];
  const source = exact === undefined ? pictures.at(-1)?.url : allowedPicture(exact);
  if (!source) {
    if (alt) {
      frame.setAttribute('role', 'img');
      frame.setAttribute('aria-label', alt);
    }
    return frame;
  }
  const picture = h('img', {
    alt,
    width: pixels,
    height: pixels,
    loading: eager ? 'eager' : 'lazy',
    decoding: 'async',
    referrerpolicy: 'no-referrer',
    sizes: exact === undefined ? `${pixels}px` : null,
    srcset:
      pictures.length > 1
        ? pictures.map(({url, pixels: width}) => `${url} ${width}w`).join(', ')
        : null,
  });
  picture.src = source;
  showPicture(frame, picture, allowedPicture(exact ?? song.album_thumbnail) ?? source);
  return frame;
}
