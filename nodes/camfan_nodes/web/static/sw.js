// The service worker: the pages open, and say what is wrong, when the server does not answer.
// Pictures and figures are never kept: what is old must not look live.
'use strict';

const STORE = 'camfan-1';
const PATIENCE = 4000; // ms, with a server that hangs, if there is a copy here; then none,
const FORGIVEN = 20000; // until it answers, or for so long
let hung = -Infinity;

self.addEventListener('install', () => self.skipWaiting());
self.addEventListener('activate', event =>
  event.waitUntil(
    (async () => {
      for (const key of await caches.keys()) if (key !== STORE) await caches.delete(key);
      await self.clients.claim();
    })(),
  ),
);

const isOurs = url =>
  url.origin === location.origin &&
  (url.pathname.startsWith('/static/') || url.pathname === '/live' || url.pathname === '/site');

self.addEventListener('fetch', event => {
  const url = new URL(event.request.url);
  if (event.request.method !== 'GET' || !isOurs(url)) return;
  event.respondWith(
    (async () => {
      const key = url.pathname; // what comes behind ? may be a secret
      const kept = await caches.match(key);
      const fetched = fetch(event.request).then(async answer => {
        hung = -Infinity;
        if (answer.ok && !answer.redirected) (await caches.open(STORE)).put(key, answer.clone());
        return answer;
      });
      if (!kept) return fetched;
      const patience = Date.now() - hung < FORGIVEN ? 0 : PATIENCE;
      let timer;
      const silence = new Promise(done => {
        timer = setTimeout(() => {
          hung = Date.now();
          done(kept);
        }, patience);
      });
      return Promise.race([fetched, silence])
        .catch(() => kept)
        .finally(() => clearTimeout(timer));
    })(),
  );
});
