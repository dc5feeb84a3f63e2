// Numbers, times and addresses as people read them. Every time is UTC and says so.

const numbers = new Intl.NumberFormat('en');
const relative = new Intl.RelativeTimeFormat('en', {numeric: 'auto'});
const months = new Intl.DateTimeFormat('en', {month: 'long', timeZone: 'UTC'});

export const NOTHING = '–';

export function number(value) {
  return numbers.format(value);
}

/** A CappedCount of the API: "1,234" or "10,000+". */
export function count(capped) {
  return numbers.format(capped.count) + (capped.capped ? '+' : '');
}

/** "1 song", "2 songs". */
export function plural(value, one, many = `${one}s`) {
  return `${typeof value === 'number' ? number(value) : count(value)} ${
    value === 1 || (value.count === 1 && !value.capped) ? one : many
  }`;
}

/** "2024-01-15 14:30:00" of an RFC 3339 text in UTC. */
export function time(text) {
  return text.slice(0, 19).replace('T', ' ');
}

/** The same with its fraction and its zone. */
export function exactTime(text) {
  return `${text.replace('T', ' ').replace('Z', '')} UTC`;
}

const STEPS = [
  ['year', 31_557_600],
  ['month', 2_629_800],
  ['week', 604_800],
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
];

/** "3 days ago". */
export function ago(text, now = Date.now()) {
  const seconds = (Date.parse(text) - now) / 1000;
  for (const [unit, length] of STEPS) {
    if (Math.abs(seconds) >= length) return relative.format(Math.trunc(seconds / length), unit);
  }
  return 'just now';
}

/** "3:30", "1:02:05" of milliseconds; a source that does not tell a length says 0. */
export function duration(milliseconds) {
  if (!milliseconds) return NOTHING;
  const seconds = Math.round(milliseconds / 1000);
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  if (parts[0] === 0) parts.shift();
  return parts.map((part, i) => (i === 0 ? part : String(part).padStart(2, '0'))).join(':');
}

export function bytes(size) {
  if (size < 1024 * 1024) return `${number(Math.ceil(size / 1024))} KiB`;
  return `${(size / 1024 / 1024).toFixed(1)} MiB`;
}

export function monthName(month) {
  return months.format(Date.UTC(2024, month - 1, 1));
}

/** "2024", "March 2024" or "15 March 2024" of "2024", "2024-03" or "2024-03-15". */
export function period(text) {
  const [year, month, day] = text.split('-');
  const words = [];
  if (day) words.push(String(Number(day)));
  if (month) words.push(monthName(Number(month)));
  return [...words, year].join(' ');
}

/**
 * An address that may stand in a link: http or https, whatever a source sent. Null for any other,
 * which is shown as text.
 */
export function safeLink(text) {
  if (!text) return null;
  try {
    const url = new URL(text);
    return ['https:', 'http:'].includes(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}

const SOURCES = {spotify: 'Spotify', lastfm: 'Last.fm'};

export function sourceName(source) {
  return SOURCES[source] ?? source;
}

/** "key_opened" as "Key opened". */
export function words(text) {
  const spaced = text.replaceAll('_', ' ');
  return spaced.charAt(0).toUpperCase() + spaced.slice(1);
}
