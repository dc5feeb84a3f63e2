// The batches: what was brought at once, for whom, and by what.

import {moment, sourceBadge, userLink} from './columns.js';
import {h} from './dom.js';
import {number, sourceName, words} from './format.js';
import {ListingView} from './listing.js';
import {addressOf} from './location.js';
import {select} from './toolbar.js';
import {userChip} from './user_chip.js';

const ORIGINS = ['fetch', 'sync', 'backfill'];

export const batchColumns = [
  {
    id: 'title',
    name: 'Batch',
    cell: ({id}) =>
      h('a', {href: addressOf('songs', {batch: id}), title: 'The songs of this batch'}, number(id)),
  },
  {id: 'created', name: 'Stored (UTC)', cell: (batch) => moment(batch.created_at)},
  {id: 'user', name: 'User', cell: (batch) => userLink(batch.user_id, batch.username)},
  {id: 'source', name: 'Source', cell: ({source}) => sourceBadge(source)},
  {id: 'origin', name: 'Brought by', cell: ({origin}) => words(origin)},
  {id: 'inserted', name: 'New plays', number: true, cell: ({inserted}) => number(inserted)},
  {id: 'updated', name: 'Changed plays', number: true, cell: ({updated}) => number(updated)},
];

const LIST = {
  title: 'Batches',
  one: 'batch',
  many: 'batches',
  path: 'batches',
  next: 'before',
  columns: batchColumns,
  none: ['No batch matches', 'A batch is made whenever a fetch brings something new.'],
  query: (now) => ({
    user_id: now.get('user'),
    source: now.get('source'),
    origin: now.get('origin'),
  }),
  controls: (now) => [
    select(
      'Source',
      'source',
      [['', 'Every source'], ...['spotify', 'lastfm'].map((one) => [one, sourceName(one)])],
      now.get('source') ?? '',
      '',
    ),
    select(
      'Brought by',
      'origin',
      [['', 'Brought by anything'], ...ORIGINS.map((one) => [one, words(one)])],
      now.get('origin') ?? '',
      '',
    ),
    userChip(now),
  ],
};

export class BatchesView extends ListingView {
  constructor(root, handleError) {
    super(root, handleError, LIST);
  }
}
