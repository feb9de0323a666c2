// The service worker: the pages open, and say what is wrong, when the server does not answer.
// Pictures and figures are never kept: what is old must not look live.
'use strict';

const STORE = 'camfan-1';

self.addEventListener('install', () => self.skipWaiting());
self.addEventListener('activate', event => event.waitUntil((async () => {
  for (const key of await caches.keys()) if (key !== STORE) await caches.delete(key);
  await self.clients.claim();
})()));

const isOurs = url => url.origin === location.origin && (url.pathname.startsWith('/static/') || url.pathname === '/live' || url.pathname === '/site');

self.addEventListener('fetch', event => {
  const url = new URL(event.request.url);
  if (event.request.method !== 'GET' || !isOurs(url)) return;
  event.respondWith((async () => {
    const key = url.pathname; // what comes behind ? may be a secret
    try {
      const answer = await fetch(event.request);
      if (answer.ok && !answer.redirected) (await caches.open(STORE)).put(key, answer.clone());
      return answer;
    } catch (error) {
      const kept = await caches.match(key);
      if (kept) return kept;
      throw error;
    }
  })());
});
