// Shows that a list is that of one user, and takes that away.

import {h, hidden, icon} from './dom.js';
import {addressWith} from './location.js';

export function userChip(parameters) {
  const user = parameters.get('user');
  if (!user) return null;
  return h(
    'a',
    {class: 'chip', href: addressWith({user: null, cursor: null, page: null}), 'data-key': 'user'},
    `User no. ${user}`,
    icon('close'),
    hidden(' – show all users'),
  );
}
