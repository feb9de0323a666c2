// What happened lately: a list whose entries open.

import { $, el, icon, setText } from './dom.js';
import { titleOf } from './camera_titles.js';
import { shortTime, timeText } from './words.js';

const NOW = 5000; // ms
const MARK = { motion: 'motion', lighting: 'light' };

const WORDS = { 'camera-offline': 'gives no pictures' }; // which may be long before it is offline
const words = kind => WORDS[kind] ?? kind.replaceAll('-', ' ');

/** The entries of a list. `now`: the site's time, ms. Something that goes on has `moving`. */
export function lately(events, now, moving = () => false) {
  if (!events.length)
    return [
      el(
        'li',
        {},
        icon('info', 'soft'),
        el('span.soft', {}, 'Nothing happened since the server started'),
      ),
    ];
  return events.map(one =>
    el(
      'li',
      { 'data-key': one.id },
      icon(
        MARK[one.kind] ?? 'info',
        one.camera && one.kind === 'motion' && moving(one.camera) ? 'note' : 'soft',
      ),
      el(
        'button.link.event',
        { onclick: event => open(one, event.currentTarget) },
        one.camera ? el('b', {}, el('bdi', {}, titleOf(one.camera))) : null,
        ` ${words(one.kind)}`,
      ),
      el('time', {}, now - one.time < NOW ? 'now' : shortTime(one.time)),
    ),
  );
}

/** One event: what, where and when, and the way to its camera. */
function open(event, button) {
  const list = button.closest('ul');
  const dialog = el(
    'dialog.dialog',
    { 'aria-labelledby': 'event-title' },
    el('h2', { id: 'event-title' }),
    el(
      'dl.facts',
      {},
      event.camera ? el('dt', {}, 'Camera') : null,
      event.camera ? el('dd', {}, el('bdi', {}, titleOf(event.camera))) : null,
      el('dt', {}, 'Began'),
      el('dd', {}, timeText(event.time)),
      event.source ? el('dt', {}, 'Said by') : null,
      event.source ? el('dd', {}, event.source) : null,
    ),
    el(
      'form.row',
      { method: 'dialog' },
      event.camera
        ? el('a.btn', { href: `/live#${encodeURIComponent(event.camera)}` }, 'Show the camera')
        : null,
      el('button.btn.main', {}, 'Close'),
    ),
  );
  const title = words(event.kind);
  setText($('h2', dialog), `${title[0].toUpperCase()}${title.slice(1)}`);
  document.body.append(dialog);
  dialog.addEventListener('close', () => {
    dialog.remove();
    if (!button.isConnected) $('.event', list)?.focus(); // so much has happened meanwhile that it is not in the list any more
  });
  $('a', dialog)?.addEventListener('click', () => dialog.close());
  dialog.showModal();
  $('.main', dialog).focus();
}
