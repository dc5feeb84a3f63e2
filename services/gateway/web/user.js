// One user: keys, songs, the last batches and what was done to the account.

import * as api from './api.js';
import {batchColumns} from './batches.js';
import {eventColumns} from './audit.js';
import {moment, text} from './columns.js';
import {announce, fill, h, icon} from './dom.js';
import {number, sourceName} from './format.js';
import {addressOf, go, lastAddressOf} from './location.js';
import {facts, section} from './song.js';
import {failed, loading} from './states.js';
import {table} from './table.js';
import {countSongs, keyState, songCount, SOURCES} from './users.js';

const FEW = 10;

function keySection(user) {
  if (user.keys.length === 0) {
    return section('Keys', h('p', {class: 'faint'}, 'No key is stored, so nothing is fetched.'));
  }
  const rows = user.keys.map((key) =>
    h(
      'div',
      {class: 'key'},
      h('h3', {}, sourceName(key.service_name), ' ', keyState(key)),
      facts([
        ['In this state since', 'state_since', moment(key.state_since)],
        ['Stored', 'created_at', moment(key.created_at)],
        ['Replaced', 'updated_at', moment(key.updated_at)],
        ['Last taken by the service', 'last_success_at', moment(key.last_success_at)],
        ['Sign-in ends', 'ends_at', moment(key.ends_at)],
      ]),
    ),
  );
  return section(
    'Keys',
    rows,
    h('p', {class: 'faint'}, 'Keys are sealed. These pages cannot see one.'),
  );
}

function songsSection(user) {
  return section(
    'Songs',
    facts(SOURCES.map((source) => [sourceName(source), null, songCount(user, source)])),
    h('p', {}, h('a', {href: addressOf('songs', {user: user.id})}, 'All songs of this user')),
  );
}

function few(heading, items, columns, none, address) {
  return section(
    heading,
    items.length === 0 ? h('p', {class: 'faint'}, none) : table(heading, items, columns),
    items.length === FEW && h('p', {}, h('a', {href: address}, 'More')),
  );
}

export class UserView {
  title = 'User';

  constructor(root, handleError) {
    this.handleError = handleError;
    fill(root, h('div', {class: 'page'}));
    this.page = root.firstChild;
  }

  destroy() {
    this.abort?.abort();
  }

  async update(now) {
    this.abort?.abort();
    const {signal} = (this.abort = new AbortController());
    fill(this.page, loading(6));
    try {
      const id = now.get('id') ?? '';
      const {result: user} = await api.get(`users/${encodeURIComponent(id)}`, {}, signal);
      const [batches, events] = await Promise.all([
        api.get('batches', {user_id: user.id, limit: FEW}, signal),
        api.get('audit', {user_id: user.id, limit: FEW}, signal),
        countSongs([user], signal),
      ]);
      this.show(user, batches.results, events.results);
    } catch (error) {
      if (error.name === 'AbortError' || this.handleError(error)) return;
      fill(
        this.page,
        this.back(),
        failed(error, () => this.update(now)),
      );
    }
  }

  back() {
    return h(
      'p',
      {class: 'back'},
      h('a', {href: lastAddressOf('users')}, icon('back'), 'All users'),
    );
  }

  show(user, batches, events) {
    document.title = `${user.username} · Playlog admin`;
    fill(
      this.page,
      this.back(),
      h(
        'header',
        {class: 'plain-hero'},
        h('h1', {tabindex: -1}, text(user.username)),
        h(
          'p',
          {class: 'faint'},
          `User no. ${number(user.id)}, registered `,
          moment(user.created_at, {stacked: false}),
          user.staff && [' ', h('span', {class: 'tag'}, 'Staff')],
        ),
      ),
      h(
        'div',
        {class: 'cards'},
        h('div', {class: 'cards-column'}, songsSection(user), keySection(user)),
        h(
          'div',
          {class: 'cards-column cards-wide'},
          few(
            'Last batches',
            batches,
            batchColumns.filter(({id}) => !['user', 'updated'].includes(id)),
            'Nothing was fetched yet.',
            addressOf('batches', {user: user.id}),
          ),
          few(
            'Audit log',
            events,
            eventColumns.filter(({id}) => !['user', 'request'].includes(id)),
            'Nothing in the last 90 days.',
            addressOf('audit', {user: user.id}),
          ),
        ),
      ),
    );
    this.page.querySelector('h1').focus({preventScroll: true});
    announce(user.username);
  }

  keys = {u: {label: 'Back to the users', run: () => go(lastAddressOf('users'))}};
}
