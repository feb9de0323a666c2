// What all pages have: colours, who is signed in, the keys, the site's clock.

import { $, api, el, leave, post } from './dom.js';
import { timeText } from './words.js';

const root = document.documentElement;

/** What the tab and the history call a page: what it says, and of which site. */
export const pageTitle = text => `${text} · ${document.body.dataset.site} · camfan`;

export const stored = {
  get(key, otherwise) {
    try {
      return JSON.parse(localStorage.getItem(`camfan.${key}`)) ?? otherwise;
    } catch {
      return otherwise;
    }
  },
  set(key, value) {
    try {
      localStorage.setItem(`camfan.${key}`, JSON.stringify(value));
    } catch {
      /* not kept then */
    }
  },
};

const KEYS = [
  ['1 2', 'Live, Site'],
  ['arrows', 'move in the grid'],
  ['Enter', 'open the camera, the event'],
  ['Esc', 'back, close'],
  ['Shift + arrows', 'move the camera to another place'],
  ['W', 'wall'],
  ['F', 'full screen'],
  ['space', 'pause, go on'],
  ['S', 'save the picture'],
  ['/', 'find a camera'],
  ['N', 'next camera that needs you'],
  ['?', 'these keys'],
];

function theme() {
  const button = $('#theme');
  if (!button) return;
  const name = () => {
    const now = root.dataset.theme;
    button.setAttribute(
      'aria-label',
      now ? `Colours: ${now}. Change` : 'Colours: as the system has them. Change',
    );
  };
  button.addEventListener('click', () => {
    const dark = root.dataset.theme
      ? root.dataset.theme === 'dark'
      : matchMedia('(prefers-color-scheme:dark)').matches;
    root.dataset.theme = dark ? 'light' : 'dark';
    try {
      localStorage.setItem('camfan.theme', root.dataset.theme);
    } catch {
      /* not kept then */
    }
    name();
  });
  name();
}

function keys() {
  const dialog = el(
    'dialog.dialog',
    { 'aria-labelledby': 'keys-title' },
    el('h2', { id: 'keys-title' }, 'Keys'),
    el(
      'dl.keytable',
      {},
      ...KEYS.flatMap(([key, what]) => [
        el(
          'dt',
          {},
          ...key
            .split(' ')
            .map(k => (k === '+' ? ' + ' : el('kbd', {}, k)))
            .flatMap((n, i) => (i ? [' ', n] : [n])),
        ),
        el('dd', {}, what),
      ]),
    ),
    el('label.row', {}, el('input', { type: 'checkbox', id: 'single-keys' }), 'Single keys work'),
    el('form.row', { method: 'dialog' }, el('button.btn', {}, 'Close')),
  );
  document.body.append(dialog);
  const box = $('#single-keys');
  box.checked = stored.get('keys', true);
  box.addEventListener('change', () => stored.set('keys', box.checked));
  $('#help')?.addEventListener('click', () => dialog.showModal());
  onKey('?', () => dialog.showModal());
  onKey('1', () => {
    location.href = '/live';
  });
  onKey('2', () => {
    location.href = '/site';
  });
}

const handlers = new Map();

/** A single key; it does nothing while somebody types or a dialog is open. */
export function onKey(key, work) {
  handlers.set(key, work);
}

addEventListener('keydown', event => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  if ($('dialog[open]')) return;
  // For a moment the focus is still in a dialog that has just closed.
  if (event.target.closest?.('input,select,textarea') && !event.target.closest('dialog')) return;
  if (event.key !== 'Escape' && !stored.get('keys', true)) return;
  const work = handlers.get(event.key.length === 1 ? event.key.toLowerCase() : event.key);
  if (work && work(event) !== false) event.preventDefault();
});

/** The user menu, from what the server says we are. */
export function user(me) {
  const place = $('#user');
  if (!place || me.kind === 'anybody' || place.dataset.name) return;
  place.dataset.name = me.name ?? me.user;
  place.hidden = false;
  $('summary', place).setAttribute('aria-label', `Signed in as ${place.dataset.name}`);
  $('.menu', place).replaceChildren(
    el('p', {}, el('b', {}, place.dataset.name), el('span.soft', {}, `, ${me.role}`)),
    el(
      'button.btn',
      {
        onclick: async () => {
          try {
            await post('/api/logout', {});
          } finally {
            leave('/login');
          }
        },
      },
      'Sign out',
    ),
  );
  addEventListener('pointerdown', event => {
    if (!place.contains(event.target)) place.open = false;
  });
  place.addEventListener('keydown', event => {
    if (event.key === 'Escape') {
      place.open = false;
      $('summary', place).focus();
    }
  });
}

/** The site's clock in the top bar: ms, and its bound; null: not checked. */
export function clock(now, error) {
  const place = $('.clock');
  if (!place) return;
  $('b', place).textContent = timeText(now, now);
  $('span', place).textContent =
    error === null
      ? 'not checked'
      : `±${error < 10 ? Math.max(1, Math.ceil(error)) : Math.ceil(error / 10) * 10} ms`;
}

/** How many things need somebody, beside the name of the site page. */
export function needs(count) {
  const place = $('#needs');
  if (!place) return;
  place.hidden = !count;
  place.firstElementChild.textContent = String(count);
}

export async function me() {
  const one = await api('/api/me');
  user(one);
  return one;
}

export function start() {
  theme();
  keys();
  if ('serviceWorker' in navigator && window.isSecureContext)
    navigator.serviceWorker.register('/sw.js').catch(() => {});
}
