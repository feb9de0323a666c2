// What all pages have: colours, the user menu, the keys, the site's clock.

import { $, el, find, loadIcons, setText } from './dom.js';
import { startKeyboard } from './keyboard.js';
import { api, leave, post } from './server_api.js';
import { timeText } from './words.js';

const root = document.documentElement;

/**
 * The title of the tab: what the page reports, and the site.
 * @param {string} text
 */
export const pageTitle = text => `${text} · ${document.body.dataset.site} · camfan`;

/** To be called once, by each page. */
export function start() {
  loadIcons();
  startTheme();
  startKeyboard();
  if ('serviceWorker' in navigator && isSecureContext) {
    navigator.serviceWorker.register('/sw.js').catch(() => {});
  }
}

function startTheme() {
  const button = find('#theme');
  if (!button) return;
  nameTheme(button);
  button.addEventListener('click', () => {
    const system = matchMedia('(prefers-color-scheme:dark)').matches ? 'dark' : 'light';
    const chosen = (root.dataset.theme ?? system) === 'dark' ? 'light' : 'dark';
    root.dataset.theme = chosen;
    try {
      localStorage.setItem('camfan.theme', chosen);
    } catch {
      /* not remembered then */
    }
    nameTheme(button);
  });
}

/** @param {HTMLElement} button */
function nameTheme(button) {
  const now = root.dataset.theme ?? 'those of the system';
  button.setAttribute('aria-label', `Colours: ${now}. Change`);
}

/**
 * Fills the user menu, once.
 * @param {{ name: string, role: string, kind: string }} me
 */
export function showUser({ name, role, kind }) {
  const place = /** @type {HTMLDetailsElement | null} */ (find('#user'));
  if (!place || kind === 'anybody' || place.dataset.name) return;
  place.dataset.name = name;
  place.hidden = false;
  const summary = $('summary', place);
  summary.setAttribute('aria-label', `Signed in as ${name}`);
  $('.menu', place).replaceChildren(
    el('p', {}, el('b', {}, name), el('span.soft', {}, `, ${role}`)),
    el('button.btn', { onclick: signOut }, 'Sign out'),
  );
  addEventListener('pointerdown', event => {
    if (!place.contains(/** @type {Node} */ (event.target))) place.open = false;
  });
  place.addEventListener('keydown', event => {
    if (event.key !== 'Escape') return;
    place.open = false;
    summary.focus();
  });
}

async function signOut() {
  try {
    await post('/api/logout', {});
  } finally {
    leave('/login');
  }
}

/**
 * The site's clock in the top bar.
 * @param {number} now ms
 * @param {number | null} error its bound, ms; null: not known
 */
export function showClock(now, error) {
  const place = find('.clock');
  if (!place) return;
  setText($('b', place), timeText(now, now));
  setText($('span', place), error === null ? 'not checked' : `±${boundText(error)} ms`);
}

/** @param {number} error */
const boundText = error =>
  error < 10 ? Math.max(1, Math.ceil(error)) : Math.ceil(error / 10) * 10;

/**
 * The number of things that need attention, beside the name of the site page.
 * @param {number} count
 */
export function showNeeds(count) {
  const place = find('#needs');
  if (!place) return;
  place.hidden = !count;
  setText($('span', place), String(count));
}

/**
 * The user of this page; fills the user menu.
 * @returns {Promise<Server.Me>}
 */
export async function fetchUser() {
  const me = await api('/api/me');
  showUser(me);
  return me;
}
