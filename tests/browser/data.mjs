// The users and the songs of these tests, made through the API as everybody's are.

import assert from 'node:assert/strict';

import {hostileTexts} from './hostile_texts.mjs';
import {gateway, PATIENCE_MS, staff, standins} from './settings.mjs';

const PASSWORD = 'seven quiet lanterns';
export const SPOTIFY_SONGS = 50;
export const LASTFM_SONGS = 200;
// Three songs, the middle one of them without album art.
const WITHOUT_ART = 'scenario:album_images_empty__browser';

async function send(method, path, {token, json} = {}) {
  const headers = {};
  if (token) headers.Authorization = `Bearer ${token}`;
  if (json) headers['Content-Type'] = 'application/json';
  const response = await fetch(path.startsWith('http') ? path : gateway + path, {
    method,
    headers,
    body: json && JSON.stringify(json),
  });
  const text = await response.text();
  assert.ok(response.ok, `${method} ${path}: ${response.status} ${text}`);
  return text && JSON.parse(text);
}

export async function signIn({name, password}) {
  return send('POST', '/users/token/', {json: {username: name, password}});
}

/** Ends every sign-in of a user, as if each had come to its end. */
export async function endSignIns(user) {
  const {access} = await signIn(user);
  await send('POST', '/users/logout/', {token: access, json: {all: true}});
  ask.token = null;
  await until('the sign-ins end', async () => {
    const response = await fetch(`${gateway}/users/me/`, {
      headers: {Authorization: `Bearer ${access}`},
    });
    await response.arrayBuffer();
    return response.status === 401;
  });
}

/** Asks the API as staff. */
export async function ask(path) {
  ask.token ??= (await signIn(staff)).access;
  return send('GET', `/admin/api/${path}`, {token: ask.token});
}

/** Looks again until a condition holds. */
export async function until(what, condition) {
  for (const end = Date.now() + PATIENCE_MS; ;) {
    if (await condition()) return;
    assert.ok(Date.now() < end, `${what}: not in time`);
    await new Promise((resolve) => {
      setTimeout(resolve, 20);
    });
  }
}

async function newUser(name) {
  const user = {name, password: PASSWORD};
  const {id} = await send('POST', '/users/register/', {json: {username: name, password: PASSWORD}});
  const {access: token} = await signIn(user);
  return {...user, id, token};
}

async function storeKey(user, source, key, listener) {
  const json = {service_name: source, api_key: key};
  if (listener) json.service_user_id = listener;
  await send('POST', '/users/api-keys/', {token: user.token, json});
}

async function fetchSpotify(user, token) {
  await storeKey(user, 'spotify', token);
  await send('GET', '/music/fetch-recently-played/', {token: user.token});
}

async function fetchLastfm(user, listener) {
  await storeKey(user, 'lastfm', 'any-key', listener);
  await send('GET', '/music/fetch-lastfm-recent/?limit=200', {token: user.token});
}

async function makeListener() {
  const user = await newUser('mira.listens');
  await fetchSpotify(user, 'mira');
  await fetchLastfm(user, 'mira');
  return user;
}

/** A user whose titles, artists and albums are attempts to run a script. */
async function makeHostile() {
  const user = await newUser('hostile-titles');
  const plays = hostileTexts().map((title, i) => ({
    title,
    artist: title.slice(0, 500),
    album: title,
    ago_s: 60 * (i + 1),
    duration_ms: 200_000,
  }));
  await send('POST', `${standins}/control/listener`, {json: {credential: 'hostile', plays: 0}});
  await send('POST', `${standins}/control/plays`, {json: {credential: 'hostile', plays}});
  await fetchLastfm(user, 'hostile');
  await fetchSpotify(user, WITHOUT_ART);
  return user;
}

async function make() {
  const listener = await makeListener();
  const hostile = await makeHostile();
  const someone = await newUser('someone.else');
  // What is stored is in the list a moment later.
  await until('all songs are in the list', async () => {
    const {results} = await ask(`users/songs?user_ids=${listener.id}&user_ids=${hostile.id}`);
    const {total} = await ask('songs/count');
    const stored = results
      .flatMap(({by_source: sources}) => sources)
      .reduce((sum, {songs}) => sum + songs.count, 0);
    return stored >= SPOTIFY_SONGS + LASTFM_SONGS + 200 && total.count === stored;
  });
  return {listener, hostile, someone};
}

let made = null;

/** The users, made once. */
export function people() {
  made ??= make();
  return made;
}
