// What is shown is in the address, all of it, so that an address shows a colleague the same.

const PAGE = '/admin/';

let onChange = () => {};

/** The parameters of the address. */
export function parameters() {
  return new URLSearchParams(window.location.search);
}

/**
 * An address with some parameters changed: null or '' takes one away. Starts from the address that
 * is shown, or from `base`. The view comes first, and what holds for all views stays.
 */
export function addressWith(changes, base = parameters()) {
  const next = new URLSearchParams(base);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === undefined || value === '') {
      next.delete(name);
    } else {
      next.set(name, String(value));
    }
  }
  const text = next.toString();
  return text ? `${PAGE}?${text}` : PAGE;
}

/** The address of another view, which keeps nothing but what holds for all of them. */
export function addressOf(view, values = {}) {
  const kept = new URLSearchParams();
  const keys = parameters().get('keys');
  if (view !== 'songs') kept.set('view', view);
  const address = addressWith(values, kept);
  if (!keys) return address;
  return `${address}${address.includes('?') ? '&' : '?'}keys=${encodeURIComponent(keys)}`;
}

/** Goes to an address of these pages. `state` is kept beside it in the history of the browser. */
export function go(address, {replace = false, state = null} = {}) {
  if (replace) {
    window.history.replaceState(state, '', address);
  } else {
    window.history.pushState(state, '', address);
  }
  onChange();
}

const lastAddresses = new Map();

/** The address by which a list was last looked at, with its filters; else the plain one. */
export function lastAddressOf(view) {
  return lastAddresses.get(view) ?? addressOf(view);
}

/** Remembers the address that is shown as that of a list. */
export function rememberAddress(view) {
  lastAddresses.set(view, window.location.pathname + window.location.search);
}

/** What was given with the address that is shown. */
export function historyState() {
  return window.history.state ?? {};
}

function followLink(event) {
  if (event.defaultPrevented || event.button !== 0) return;
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const link = event.target.closest?.('a[href]');
  if (!link || link.target || link.hasAttribute('download')) return;
  const url = new URL(link.href);
  if (url.origin !== window.location.origin || url.pathname !== PAGE || url.hash) return;
  event.preventDefault();
  go(url.pathname + url.search, {state: link.historyState ?? null});
}

/** Calls `changed` now and whenever the address is another. */
export function watch(changed) {
  onChange = changed;
  document.addEventListener('click', followLink);
  window.addEventListener('popstate', () => onChange());
  onChange();
}
