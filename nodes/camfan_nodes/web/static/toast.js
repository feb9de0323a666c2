// The result of something that was done on the page.

import { el, find, icon } from './dom.js';

const STAYS = 6000; // ms
const STAYS_AFTER_USE = 3000; // ms

/**
 * Shows a sentence for a few seconds; an error stays until it is closed.
 * @param {string} text
 */
export function toast(text, { bad = false } = {}) {
  const place = find('.toasts') ?? document.body.appendChild(el('div.toasts', { role: 'status' }));
  const close = () => one.remove();
  const one = el(
    'div.toast',
    {},
    icon(bad ? 'warn' : 'check', bad ? 'bad' : ''),
    el('p', {}, text),
    el('button.icon-btn', { 'aria-label': 'Close', onclick: close }, icon('close')),
  );
  place.append(one);
  if (bad) return;
  let timer = setTimeout(close, STAYS);
  for (const type of ['pointerenter', 'focusin']) {
    one.addEventListener(type, () => clearTimeout(timer));
  }
  for (const type of ['pointerleave', 'focusout']) {
    one.addEventListener(type, () => {
      timer = setTimeout(close, STAYS_AFTER_USE);
    });
  }
}
