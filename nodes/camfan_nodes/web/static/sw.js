// The service worker: pages open without the server, and say what is wrong.
// Frames and figures are never stored: what is old must not look live.
'use strict';

/** @type {ServiceWorkerGlobalScope} */
const worker = /** @type {any} */ (self);

const STORE = 'camfan-1';
const TIMEOUT = 4000; // ms to wait for a server that hangs, if a copy is stored here;
const NO_WAIT = 20000; // ms during which a server that hung is not waited for again
const server = { hung: -Infinity }; // when it was last found to hang

worker.addEventListener('install', () => worker.skipWaiting());
worker.addEventListener('activate', event => event.waitUntil(activate()));
worker.addEventListener('fetch', event => {
  if (event.request.method === 'GET' && isOurs(new URL(event.request.url))) {
    event.respondWith(answer(event.request));
  }
});

async function activate() {
  for (const key of await caches.keys()) if (key !== STORE) await caches.delete(key);
  await worker.clients.claim();
}

/** @param {URL} url */
function isOurs({ origin, pathname }) {
  const page = pathname === '/live' || pathname === '/site';
  return origin === location.origin && (page || pathname.startsWith('/static/'));
}

/**
 * The server's answer, or the stored one if the server fails or hangs.
 * @param {Request} request
 * @returns {Promise<Response>}
 */
async function answer(request) {
  const key = new URL(request.url).pathname; // what follows the ? may be a secret
  const stored = await caches.match(key);
  const fetched = fetchAndStore(request, key);
  if (!stored) return fetched;
  const wait = Date.now() - server.hung < NO_WAIT ? 0 : TIMEOUT;
  let timer = 0;
  /** @type {Promise<Response>} */
  const silence = new Promise(done => {
    timer = setTimeout(() => {
      server.hung = Date.now();
      done(stored);
    }, wait);
  });
  return Promise.race([fetched, silence])
    .catch(() => stored)
    .finally(() => clearTimeout(timer));
}

/**
 * @param {Request} request
 * @param {string} key
 */
async function fetchAndStore(request, key) {
  const found = await fetch(request);
  server.hung = -Infinity;
  if (found.ok && !found.redirected) {
    const store = await caches.open(STORE);
    store.put(key, found.clone());
  }
  return found;
}
