// Builds elements. Text goes in as text nodes alone: nothing here, or anywhere in these pages,
// takes HTML from a string.

const SVG = 'http://www.w3.org/2000/svg';

function append(parent, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    parent.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return parent;
}

/**
 * Makes an element: `h('a', {class: 'title', href, onclick}, 'text', child)`. A property that is a
 * function is a listener, `true` an attribute without a value; null, undefined and false are left
 * out.
 */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === 'function') {
      element.addEventListener(name.slice(2), value);
    } else {
      element.setAttribute(name, value === true ? '' : String(value));
    }
  }
  return append(element, children);
}

function svg(tag, attributes, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return append(element, children);
}

// Strokes on a grid of 24 by 24.
const ICONS = {
  album: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18Zm0 6.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5Z',
  alert: 'M12 4 2.8 20h18.4L12 4Zm0 6v4.5m0 2.7v.1',
  back: 'M19 12H5m6-6-6 6 6 6',
  check: 'm5 12.5 4.5 4.5L19 7.5',
  close: 'M6 6l12 12M18 6 6 18',
  columns: 'M4 5h16v14H4V5Zm5.3 0v14m5.4-14v14',
  down: 'm6 9 6 6 6-6',
  download: 'M12 4v11m-4.5-4 4.5 4.5 4.5-4.5M5 20h14',
  external: 'M10 6H6v12h12v-4m-5-9h6v6m0-6-8.5 8.5',
  filter: 'M4 6h16M7 12h10m-7 6h4',
  grid: 'M4 4h6.5v6.5H4V4Zm9.5 0H20v6.5h-6.5V4ZM4 13.5h6.5V20H4v-6.5Zm9.5 0H20V20h-6.5v-6.5Z',
  heart: 'M12 20s-7.5-4.6-7.5-10A4.2 4.2 0 0 1 12 7.4 4.2 4.2 0 0 1 19.5 10c0 5.4-7.5 10-7.5 10Z',
  keyboard: 'M3 7h18v10H3V7Zm3.5 3.5h.01m3.5 0h.01m3.5 0h.01m3.5 0h.01M8 13.8h8',
  lock: 'M6 11h12v9H6v-9Zm2.5 0V8a3.5 3.5 0 0 1 7 0v3',
  next: 'm9 6 6 6-6 6',
  offline:
    'M3 3l18 18M5 12.5a10 10 0 0 1 4.4-2.6m9.6 2.6a10 10 0 0 0-5-2.8M8.5 16a5 5 0 0 1 7 0m-3.5 3.4v.1',
  previous: 'm15 6-6 6 6 6',
  search: 'M11 4.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13Zm4.8 11.3L20 20',
  table: 'M4 5h16v14H4V5Zm0 4.7h16M4 14.3h16',
  up: 'm6 15 6-6 6 6',
};

/** A picture that says nothing to readers of the page's text. */
export function icon(name, className = '') {
  return svg(
    'svg',
    {viewBox: '0 0 24 24', class: `icon ${className}`, 'aria-hidden': 'true', focusable: 'false'},
    svg('path', {d: ICONS[name]}),
  );
}

/** The drawing that stands for album art that is missing or does not load. */
export function drawnRecord() {
  return svg(
    'svg',
    {viewBox: '0 0 34 34', class: 'record', 'aria-hidden': 'true', focusable: 'false'},
    svg('circle', {cx: 17, cy: 17, r: 11.5, class: 'record-disc'}),
    svg('circle', {cx: 17, cy: 17, r: 8.5, class: 'record-groove'}),
    svg('circle', {cx: 17, cy: 17, r: 6, class: 'record-groove'}),
    svg('circle', {cx: 17, cy: 17, r: 3.5, class: 'record-label'}),
    svg('circle', {cx: 17, cy: 17, r: 0.9, class: 'record-hole'}),
  );
}

/** Text for screen readers alone. */
export function hidden(text) {
  return h('span', {class: 'visually-hidden'}, text);
}

/** Has a screen reader say something, politely. */
export function announce(text) {
  document.getElementById('announcer').textContent = text;
}

/** Replaces what an element holds. */
export function fill(element, ...children) {
  element.replaceChildren();
  return append(element, children);
}
