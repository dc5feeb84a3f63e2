// The one way to the API. Everything is GET: these pages only read.

import * as session from './session.js';

/** An answer that is an error, in the API's own words. */
export class ApiError extends Error {
  constructor(status, body, retryAfter) {
    super(body.error || `The server answered ${status}.`);
    this.status = status;
    this.code = body.code || '';
    this.detail = body.detail || '';
    this.requestId = body.request_id || '';
    this.retryAfter = retryAfter ? Number(retryAfter) : 0;
  }
}

/** No answer came: the network or the server is away. */
export class Unreachable extends Error {}

async function send(path, signal) {
  try {
    return await fetch(path, {
      headers: {Authorization: `Bearer ${session.accessToken()}`},
      credentials: 'omit',
      cache: 'no-store',
      signal,
    });
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new Unreachable();
  }
}

function withQuery(path, parameters) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value === undefined || value === null || value === '') continue;
    for (const one of [value].flat()) query.append(name, one);
  }
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}

/**
 * Asks for a path below /admin/api/ and returns the answer once it is a good one. An access token
 * that has expired is renewed, once, without anybody noticing.
 */
export async function request(path, parameters = {}, signal = undefined) {
  const address = withQuery(`/admin/api/${path}`, parameters);
  if (!session.isSignedIn()) throw new session.SignInEnded();
  let response = await send(address, signal);
  if (response.status === 401) {
    try {
      await session.renew();
    } catch (error) {
      throw error instanceof session.SignInEnded ? error : new Unreachable();
    }
    response = await send(address, signal);
  }
  if (response.ok) return response;
  if (response.status === 401) {
    session.forget();
    throw new session.SignInEnded();
  }
  const body = await response.json().catch(() => ({}));
  throw new ApiError(response.status, body, response.headers.get('Retry-After'));
}

export async function get(path, parameters = {}, signal = undefined) {
  const response = await request(path, parameters, signal);
  try {
    return await response.json();
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new Unreachable();
  }
}
