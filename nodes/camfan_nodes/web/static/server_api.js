// Requests to the server's API, and the way to the login page.

const TIMEOUT = 5000; // ms, for an answer

/**
 * JSON from the API. Throws an Error whose message can be shown; 401 leads to the login page.
 * @param {string} path
 * @param {RequestInit} options
 * @returns {Promise<any>} as the OpenAPI document says
 */
export async function api(path, options = {}) {
  let answer, text;
  try {
    const signal = AbortSignal.timeout(TIMEOUT);
    answer = await fetch(path, { cache: 'no-store', signal, ...options });
    text = await answer.text();
  } catch {
    throw new Error('The server does not answer.');
  }
  if (answer.status === 401) {
    toLogin();
    throw new Error('You are not signed in any more.');
  }
  if (!answer.ok) throw new Error(text.trim() || `The server answers ${answer.status}.`);
  return JSON.parse(text);
}

/**
 * @param {string} path
 * @param {object} body
 */
export function post(path, body) {
  const headers = { 'Content-Type': 'application/json' };
  return api(path, { method: 'POST', headers, body: JSON.stringify(body) });
}

/** An error as a sentence. @param {unknown} error */
export const messageOf = error => (error instanceof Error ? error.message : String(error));

const navigation = { started: false };

/**
 * Leaves the page. Only the first call counts: a second navigation would interrupt it.
 * @param {string} address
 */
export function leave(address) {
  if (navigation.started) return;
  navigation.started = true;
  location.href = address;
}

/** To the login page, and from there back. */
export function toLogin() {
  if (location.pathname.startsWith('/login')) return;
  leave(`/login?to=${encodeURIComponent(location.pathname + location.search)}`);
}
