// What stands in place of data: while it loads, where there is none, and when something is wrong.

import {ApiError, Unreachable} from './api.js';
import {h, icon} from './dom.js';

/** Grey lines in the shape of what is coming. */
export function loading(rows = 12) {
  return h(
    'div',
    {class: 'skeleton', 'aria-hidden': 'true'},
    Array.from({length: rows}, () =>
      h('div', {class: 'skeleton-row'}, h('i'), h('b'), h('b'), h('b')),
    ),
  );
}

function panel(kind, picture, heading, ...content) {
  return h(
    'section',
    {class: `state state-${kind}`},
    h('div', {class: 'state-picture'}, icon(picture)),
    h('h2', {}, heading),
    content,
  );
}

export function empty(heading, text, ...actions) {
  return panel('empty', 'album', heading, h('p', {}, text), h('p', {class: 'actions'}, actions));
}

function describe(error) {
  if (error instanceof Unreachable) {
    return navigator.onLine
      ? ['offline', 'Playlog does not answer', 'The server is away or the way to it is broken.']
      : ['offline', 'You are offline', 'What you see here comes back by itself with the network.'];
  }
  if (!(error instanceof ApiError)) {
    return ['alert', 'This page has a fault', 'Reload it; if that does not help, report it.'];
  }
  if (error.status === 404) return ['album', 'There is nothing here', error.detail];
  if (error.status === 403) return ['lock', 'This needs a staff account', error.detail];
  if (error.status === 429) {
    return ['alert', 'Too many requests', `Try again in ${error.retryAfter || 1} s.`];
  }
  if (error.status >= 500) return ['alert', error.message, error.detail || 'Try again.'];
  return ['alert', error.message, error.detail];
}

/** What went wrong, what to do, and a button that tries it again. */
export function failed(error, retry) {
  const [picture, heading, text] = describe(error);
  return panel(
    'error',
    picture,
    heading,
    h('p', {}, text),
    error.requestId && h('p', {class: 'faint'}, 'Request ', h('code', {}, error.requestId)),
    retry &&
      h(
        'p',
        {class: 'actions'},
        h('button', {type: 'button', class: 'button', onclick: retry}, 'Try again'),
      ),
  );
}

/** A line above data that tells something about it. */
export function notice(kind, ...content) {
  return h(
    'div',
    {class: `notice notice-${kind}`},
    icon(kind === 'warning' ? 'alert' : 'album'),
    h('p', {}, content),
  );
}
