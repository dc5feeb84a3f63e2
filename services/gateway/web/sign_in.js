// The sign-in, before anything else and again when one has ended.

import {fill, h, icon} from './dom.js';
import * as session from './session.js';

const REASONS = {
  ended: ['Your sign-in has ended', 'Sign in again and you are back where you were.'],
};

function wordsOf(error) {
  if (error.status === 401) return 'The name or the password is wrong.';
  if (error.status === 429) {
    const seconds = Number(error.retryAfter) || 60;
    return `Too many attempts. Try again in ${seconds < 90 ? `${seconds} s` : `${Math.ceil(seconds / 60)} minutes`}.`;
  }
  return error.error ?? 'Playlog cannot sign you in now. Try again in a moment.';
}

/** Fills `root` with the form; `done` is called once somebody has signed in. */
export function showSignIn(root, {reason = 'first', done}) {
  const problem = h('p', {class: 'problem', role: 'alert', id: 'sign-in-problem'});
  const field = (label, attributes) =>
    h(
      'label',
      {class: 'field'},
      h('span', {}, label),
      h('input', {required: true, 'aria-describedby': 'sign-in-problem', ...attributes}),
    );
  const name = session.signedInAs() ?? '';
  const button = h('button', {type: 'submit', class: 'button button-primary'}, 'Sign in');
  async function submit(event) {
    event.preventDefault();
    const form = event.currentTarget;
    const values = new FormData(form);
    problem.textContent = '';
    button.disabled = true;
    try {
      const error = await session.signIn(values.get('username'), values.get('password'));
      if (!error) return done();
      problem.textContent = wordsOf(error);
    } catch {
      problem.textContent = navigator.onLine
        ? 'Playlog does not answer. Try again in a moment.'
        : 'You are offline.';
    } finally {
      button.disabled = false;
    }
    const input = form.elements.namedItem('password');
    input.value = '';
    input.focus();
    return undefined;
  }
  const [heading, text] = REASONS[reason] ?? ['Sign in', 'The admin pages are for staff.'];
  const form = h(
    'form',
    {class: 'sign-in-form', method: 'post', onsubmit: submit},
    h('h1', {tabindex: -1}, heading),
    h('p', {class: 'faint'}, text),
    field('Name', {
      name: 'username',
      autocomplete: 'username',
      autocapitalize: 'none',
      spellcheck: 'false',
      maxlength: 150,
      value: name,
    }),
    field('Password', {name: 'password', type: 'password', autocomplete: 'current-password'}),
    problem,
    button,
  );
  fill(
    root,
    h(
      'div',
      {class: 'sign-in'},
      h(
        'p',
        {class: 'brand'},
        h('span', {class: 'brand-mark'}, icon('album')),
        'Playlog',
        h('span', {class: 'brand-kind'}, 'admin'),
      ),
      form,
      h(
        'p',
        {class: 'faint sign-in-note'},
        icon('lock'),
        'The sign-in lives in this page alone. Reloading or closing it ends it; the address keeps what you were looking at.',
      ),
    ),
  );
  form.querySelector(name ? '[name=password]' : '[name=username]').focus();
}

/** For who has signed in and is not staff. */
export function showNotStaff(root, {leave}) {
  fill(
    root,
    h(
      'div',
      {class: 'sign-in'},
      h(
        'section',
        {class: 'state state-error'},
        h('div', {class: 'state-picture'}, icon('lock')),
        h('h1', {tabindex: -1}, 'This needs a staff account'),
        h(
          'p',
          {},
          h('bdi', {}, session.signedInAs() ?? 'This user'),
          ' is a user, but not staff. Whoever runs this Playlog makes staff with ',
          h('code', {}, 'deploy/create-staff'),
          '.',
        ),
        h(
          'p',
          {class: 'actions'},
          h(
            'button',
            {type: 'button', class: 'button button-primary', onclick: leave},
            'Sign in as somebody else',
          ),
        ),
      ),
    ),
  );
  root.querySelector('h1').focus();
}
