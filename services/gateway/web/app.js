// The admin pages: signs in, shows the view that the address names, and goes from one to another.

import {ApiError, Unreachable} from './api.js';
import {AuditView} from './audit.js';
import {BatchesView} from './batches.js';
import {announce, fill, h, icon} from './dom.js';
import {listenToKeys, showHelp} from './help.js';
import {addressOf, go, parameters, rememberAddress, watch} from './location.js';
import * as session from './session.js';
import {showNotStaff, showSignIn} from './sign_in.js';
import {SongView} from './song.js';
import {SongsView} from './songs.js';
import {UserView} from './user.js';
import {UsersView} from './users.js';

const VIEWS = {
  songs: SongsView,
  song: SongView,
  users: UsersView,
  user: UserView,
  batches: BatchesView,
  audit: AuditView,
};
const TABS = [
  {view: 'songs', label: 'Songs', key: 'g s', also: ['song']},
  {view: 'users', label: 'Users', key: 'g u', also: ['user']},
  {view: 'batches', label: 'Batches', key: 'g b', also: []},
  {view: 'audit', label: 'Audit log', key: 'g a', also: []},
];

const app = document.getElementById('app');
let shown = null; // {name, view} while somebody is signed in.
let main = null;

function viewName() {
  const name = parameters().get('view') ?? 'songs';
  return Object.hasOwn(VIEWS, name) ? name : 'songs';
}

function leaveView() {
  shown?.view.destroy();
  shown = null;
  main = null;
}

function askToSignIn(reason) {
  leaveView();
  document.querySelectorAll('dialog[open]').forEach((dialog) => dialog.close());
  document.title = 'Sign in · Playlog admin';
  const root = h('main', {id: 'main', class: 'alone', tabindex: -1});
  fill(app, root);
  showSignIn(root, {reason, done: showApp});
  if (reason === 'ended') announce('Your sign-in has ended.');
}

async function signOut() {
  await session.signOut();
  askToSignIn('first');
}

/** What every view does with an error first; true if nothing is left to do. */
function handleError(error) {
  if (error instanceof session.SignInEnded) {
    if (shown) askToSignIn('ended');
    return true;
  }
  if (error instanceof ApiError && error.status === 403) {
    leaveView();
    document.title = 'Not staff · Playlog admin';
    const root = h('main', {id: 'main', class: 'alone', tabindex: -1});
    fill(app, root);
    showNotStaff(root, {leave: signOut});
    return true;
  }
  // A fault of these pages: their readers see that there is one, and the console has its place.
  if (!(error instanceof ApiError || error instanceof Unreachable)) console.error(error);
  return false;
}

function tabs() {
  const name = viewName();
  return TABS.map(({view, label, also}) =>
    h(
      'a',
      {
        class: 'tab',
        href: addressOf(view),
        'aria-current': name === view ? 'page' : also.includes(name) ? 'true' : null,
      },
      label,
    ),
  );
}

const everywhere = {
  '?': {label: 'These shortcuts', run: () => help()},
  ...Object.fromEntries(
    TABS.map(({view, label, key}) => [key, {label, run: () => go(addressOf(view))}]),
  ),
};

function help() {
  showHelp(everywhere, shown?.view.keys ?? {});
}

function showApp() {
  const navigation = h('nav', {class: 'tabs', 'aria-label': 'Views'});
  main = h('main', {id: 'main', tabindex: -1});
  fill(
    app,
    h(
      'header',
      {class: 'top'},
      h(
        'a',
        {class: 'brand', href: addressOf('songs')},
        h('span', {class: 'brand-mark'}, icon('album')),
        'Playlog',
        h('span', {class: 'brand-kind'}, 'admin'),
      ),
      navigation,
      h(
        'span',
        {class: 'read-only', title: 'Nothing here creates, edits or deletes a song'},
        icon('lock'),
        'Read-only',
      ),
      h(
        'button',
        {
          type: 'button',
          class: 'button button-quiet button-keys',
          'aria-label': 'Keyboard shortcuts',
          'aria-keyshortcuts': '?',
          onclick: help,
        },
        icon('keyboard'),
      ),
      h('button', {type: 'button', class: 'button button-quiet', onclick: signOut}, 'Sign out'),
    ),
    h(
      'div',
      {class: 'offline-line', role: 'status', hidden: navigator.onLine},
      icon('offline'),
      'You are offline. What is shown may be old.',
    ),
    main,
    h(
      'footer',
      {class: 'foot'},
      'Signed in as ',
      h('strong', {}, h('bdi', {}, session.signedInAs())),
      '. These pages only read: songs come from Spotify and Last.fm, and nothing here creates, edits or deletes one.',
    ),
  );
  shown = {name: null, view: {destroy() {}, keys: {}}};
  show();
}

/** Shows what the address says. */
function show() {
  if (!shown) return;
  const name = viewName();
  const isOther = name !== shown.name;
  if (isOther) {
    shown.view.destroy();
    fill(main);
    shown = {name, view: new VIEWS[name](main, handleError)};
    document.title = `${shown.view.title} · Playlog admin`;
    window.scrollTo(0, 0);
    main.querySelector('h1')?.focus({preventScroll: true});
  }
  fill(app.querySelector('.tabs'), tabs());
  rememberAddress(name);
  shown.view.update(parameters());
}

function watchNetwork() {
  const change = () => {
    const line = document.querySelector('.offline-line');
    if (line) line.hidden = navigator.onLine;
    // What could not be loaded is loaded now.
    if (navigator.onLine && shown && document.querySelector('.state-error')) show();
  };
  window.addEventListener('online', change);
  window.addEventListener('offline', change);
}

askToSignIn('first');
watch(show);
watchNetwork();
listenToKeys(() => ({everywhere, here: shown?.view.keys ?? {}}));
