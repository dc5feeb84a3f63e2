// The keyboard shortcuts: what they do, a dialog that lists them, and a way to turn them off, since
// a single key may mean something else to a reader's own tools.

import {h} from './dom.js';
import {addressWith, go, parameters} from './location.js';

const FIRST_KEY_MS = 1500;

function isTyping(target) {
  return (
    target.closest?.('input:not([type=checkbox]), select, textarea, [contenteditable]') !== null
  );
}

function rows(keys) {
  return Object.entries(keys).map(([key, {label}]) =>
    h(
      'tr',
      {},
      h(
        'th',
        {scope: 'row'},
        key.split(' ').map((one, i) => [i > 0 && ' then ', h('kbd', {}, one)]),
      ),
      h('td', {}, label),
    ),
  );
}

function part(heading, keys) {
  return h(
    'section',
    {},
    h('h3', {}, heading),
    h('table', {class: 'keys'}, h('tbody', {}, rows(keys))),
  );
}

/** Shows the shortcuts of everywhere and of the present view. */
export function showHelp(everywhere, here) {
  const close = () => dialog.close();
  const isOn = parameters().get('keys') !== 'off';
  const toggle = (event) =>
    go(addressWith({keys: event.target.checked ? null : 'off'}), {replace: true});
  const dialog = h(
    'dialog',
    {class: 'dialog', 'aria-labelledby': 'help-heading', onclose: () => dialog.remove()},
    h('h2', {id: 'help-heading'}, 'Keyboard shortcuts'),
    h(
      'div',
      {class: 'dialog-body'},
      h('div', {class: 'key-parts'}, part('Everywhere', everywhere), part('On this page', here)),
      h(
        'label',
        {class: 'box'},
        h('input', {type: 'checkbox', checked: isOn, onchange: toggle}),
        'Single-key shortcuts are on',
      ),
      h(
        'p',
        {class: 'actions'},
        h('button', {type: 'button', class: 'button button-primary', onclick: close}, 'Close'),
      ),
    ),
  );
  document.body.append(dialog);
  dialog.showModal();
}

/** Listens to keys. `keysNow()` gives {everywhere, here}, each by the keys as they are typed. */
export function listenToKeys(keysNow) {
  let first = '';
  let timer = 0;
  document.addEventListener('keydown', (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === 'Escape' && isTyping(event.target)) {
      event.target.blur();
      return;
    }
    if (parameters().get('keys') === 'off' || isTyping(event.target)) return;
    if (document.querySelector('dialog[open]')) return;
    const {everywhere, here} = keysNow();
    const all = {...everywhere, ...here};
    const pressed = first ? `${first} ${event.key}` : event.key;
    clearTimeout(timer);
    first = '';
    if (Object.hasOwn(all, pressed)) {
      event.preventDefault();
      all[pressed].run();
    } else if (Object.keys(all).some((key) => key.startsWith(`${pressed} `))) {
      first = pressed;
      timer = setTimeout(() => {
        first = '';
      }, FIRST_KEY_MS);
    }
  });
}
