// The audit log: what was done to accounts and keys, when and by whom, in the last 90 days.

import {moment, text, userLink} from './columns.js';
import {h} from './dom.js';
import {sourceName, words} from './format.js';
import {ListingView} from './listing.js';
import {select} from './toolbar.js';
import {userChip} from './user_chip.js';

const ACTIONS = [
  'signed_in',
  'logged_out',
  'logged_out_everywhere',
  'password_changed',
  'refresh_token_reused',
  'key_stored',
  'key_deleted',
  'key_opened',
  'key_refreshed',
  'key_open_failed',
];
// What somebody should look at.
const ALARMING = ['key_open_failed', 'refresh_token_reused'];

function action(name) {
  return h('span', {class: ALARMING.includes(name) ? 'alarming' : ''}, words(name));
}

export const eventColumns = [
  {id: 'created', name: 'When (UTC)', cell: ({event}) => moment(event.at)},
  {id: 'title', name: 'What', cell: ({event}) => action(event.action)},
  {id: 'user', name: 'User', cell: (item) => userLink(item.user_id, item.username)},
  {
    id: 'key',
    name: 'Key',
    cell: ({event}) => (event.service_name ? sourceName(event.service_name) : text('')),
  },
  {id: 'by', name: 'By', cell: ({event}) => text(words(event.by))},
  {
    id: 'request',
    name: 'Request',
    cell: ({event}) => (event.request_id ? h('code', {class: 'code'}, event.request_id) : text('')),
  },
];

const LIST = {
  title: 'Audit log',
  one: 'event',
  path: 'audit',
  next: 'before',
  columns: eventColumns,
  none: ['No event matches', 'Events are kept for 90 days.'],
  query: (now) => ({user_id: now.get('user'), action: now.get('action')}),
  controls: (now) => [
    select(
      'What was done',
      'action',
      [['', 'Everything'], ...ACTIONS.map((one) => [one, words(one)])],
      now.get('action') ?? '',
      '',
    ),
    userChip(now),
  ],
};

export class AuditView extends ListingView {
  constructor(root, handleError) {
    super(root, handleError, LIST);
  }
}
