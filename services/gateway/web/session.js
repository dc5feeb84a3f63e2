// The sign-in. Its tokens live in this module's variables and nowhere else: closing or reloading
// the page ends it for this browser. Nothing is written to storage, cookies or addresses.

let access = null;
let refresh = null;
let username = null;
let renewing = null;

/** What ended a sign-in that was there: it cannot be renewed. */
export class SignInEnded extends Error {}

export function isSignedIn() {
  return access !== null;
}

export function signedInAs() {
  return username;
}

export function accessToken() {
  return access;
}

export function forget() {
  access = null;
  refresh = null;
}

async function post(path, body, token) {
  const headers = {'Content-Type': 'application/json'};
  if (token) headers.Authorization = `Bearer ${token}`;
  return fetch(path, {
    method: 'POST',
    headers,
    body: JSON.stringify(body),
    credentials: 'omit',
    cache: 'no-store',
  });
}

/** Signs in; returns null, or the API's error with its `status`. Throws where nobody answers. */
export async function signIn(name, password) {
  const response = await post('/users/token/', {username: name, password});
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) {
    return {status: response.status, retryAfter: response.headers.get('Retry-After'), ...answer};
  }
  access = answer.access;
  refresh = answer.refresh;
  username = name;
  return null;
}

/**
 * Exchanges the refresh token, which is spent by it, for new ones. Requests that find their token
 * expired at the same time wait for one exchange. Throws SignInEnded if the sign-in is over.
 */
export function renew() {
  renewing ??= exchange().finally(() => {
    renewing = null;
  });
  return renewing;
}

async function exchange() {
  if (!refresh) throw new SignInEnded();
  const response = await post('/users/token/refresh/', {refresh});
  if (response.status === 400 || response.status === 401) {
    forget();
    throw new SignInEnded();
  }
  if (!response.ok) throw new TypeError(`The sign-in was not renewed: ${response.status}`);
  const answer = await response.json();
  access = answer.access;
  refresh = answer.refresh;
}

/** Ends the sign-in at the server too, as far as it can be reached. */
export async function signOut() {
  const token = access;
  forget();
  username = null;
  if (token) await post('/users/logout/', {}, token).catch(() => null);
}
