// Which songs the address asks for, as the API takes it.

import {period, sourceName} from './format.js';

const DAY = /^\d{4}-\d{2}-\d{2}$/;
const PERIOD = /^(\d{4})(?:-(\d{2}))?(?:-(\d{2}))?$/;

const MBIDS = ['track_mbid', 'artist_mbid', 'album_mbid'];

/** What a filter consists of, in the order in which it is shown. */
export const FILTERS = [
  'q',
  'source',
  'loved',
  'streamable',
  'played',
  'from',
  'until',
  'user',
  'batch',
  ...MBIDS,
];

function instant(milliseconds) {
  const date = new Date(milliseconds);
  return Number.isNaN(date.getTime()) ? null : date.toISOString().replace('.000Z', 'Z');
}

/**
 * The first moment of "2024", "2024-03" or "2024-03-15" and the one after its last; null if there
 * is no such year, month or day.
 */
export function spanOf(played) {
  const parts = PERIOD.exec(played ?? '');
  if (!parts) return null;
  const [year, month, day] = parts.slice(1).map((part) => (part ? Number(part) : null));
  const from = instant(Date.UTC(year, (month ?? 1) - 1, day ?? 1));
  // JavaScript takes the 30th of February for the 1st or 2nd of March.
  if (!from?.startsWith(played)) return null;
  const until = day
    ? Date.UTC(year, month - 1, day + 1)
    : month
      ? Date.UTC(year, month, 1)
      : Date.UTC(year + 1, 0, 1);
  return {from, until: instant(until)};
}

/** The query of the API for the address's filter. Days of an own span are both inclusive. */
export function filterOf(parameters) {
  const filter = {};
  const take = (name, field = name) => {
    const value = parameters.get(name);
    if (value) filter[`filter.${field}`] = value.trim();
  };
  take('q');
  take('source');
  take('loved');
  take('streamable');
  take('user', 'user_id');
  take('batch', 'batch_id');
  MBIDS.forEach((field) => take(field));
  const span = spanOf(parameters.get('played'));
  if (span) {
    filter['filter.from'] = span.from;
    filter['filter.until'] = span.until;
    return filter;
  }
  const dayOf = (name) => spanOf(DAY.test(parameters.get(name) ?? '') ? parameters.get(name) : '');
  const [first, last] = [dayOf('from'), dayOf('until')];
  if (first) filter['filter.from'] = first.from;
  if (last) filter['filter.until'] = last.until;
  return filter;
}

/** What a part of the filter says, in words. `userName` is known or null. */
export function describe(name, value, userName) {
  switch (name) {
    case 'q':
      return `“${value}”`;
    case 'source':
      return sourceName(value);
    case 'loved':
      return value === 'true' ? 'Loved' : 'Not loved';
    case 'streamable':
      return value === 'true' ? 'Streamable' : 'Not streamable';
    case 'played':
      return PERIOD.test(value) ? period(value) : value;
    case 'from':
      return `From ${value}`;
    case 'until':
      return `To ${value}`;
    case 'user':
      return userName ? `User ${userName}` : `User no. ${value}`;
    case 'batch':
      return `Batch ${value}`;
    default:
      return `${name.split('_')[0]} MBID ${value.slice(0, 8)}…`;
  }
}

/** The changes of an address that take its whole filter away. */
export function withoutFilter() {
  return Object.fromEntries([...FILTERS, 'cursor', 'page'].map((name) => [name, null]));
}
