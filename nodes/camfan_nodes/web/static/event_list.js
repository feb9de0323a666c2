// The list of recent events; each entry opens.

import { titleOf } from './camera_titles.js';
import { $, el, find, icon, setText } from './dom.js';
import { shortTime, timeText } from './words.js';

const NOW = 5000; // ms
/** @type {Record<string, string>} */
const MARK = { motion: 'motion', lighting: 'light' };
/** @type {Record<string, string>} */
const WORDS = { 'camera-offline': 'sends no frames' }; // which may begin long before it is offline

/** @param {string} kind */
const words = kind => WORDS[kind] ?? kind.replaceAll('-', ' ');

/**
 * The entries of the list.
 * @param {Server.Notice[]} events newest first
 * @param {number} now the site's time, ms
 * @param {(camera: string) => boolean} moving
 */
export function eventList(events, now, moving = () => false) {
  if (!events.length) {
    const text = 'No event since the server started';
    return [el('li', {}, icon('info', 'soft'), el('span.soft', {}, text))];
  }
  return events.map(one => entry(one, now, moving));
}

/**
 * @param {Server.Notice} event
 * @param {number} now
 * @param {(camera: string) => boolean} moving
 */
function entry(event, now, moving) {
  const continues = event.camera !== null && event.kind === 'motion' && moving(event.camera);
  const camera = event.camera && el('b', {}, el('bdi', {}, titleOf(event.camera)));
  const onclick = (/** @type {MouseEvent} */ click) =>
    open(event, /** @type {HTMLElement} */ (click.currentTarget));
  return el(
    'li',
    { 'data-key': event.id },
    icon(MARK[event.kind] ?? 'info', continues ? 'note' : 'soft'),
    el('button.link.event', { onclick }, camera, ` ${words(event.kind)}`),
    el('time', {}, now - event.time < NOW ? 'now' : shortTime(event.time)),
  );
}

/**
 * One event: what, where and when, and the way to its camera.
 * @param {Server.Notice} event
 * @param {HTMLElement} button
 */
function open(event, button) {
  const list = button.closest('ul');
  const dialog = details(event);
  const title = words(event.kind);
  setText($('h2', dialog), `${title[0].toUpperCase()}${title.slice(1)}`);
  document.body.append(dialog);
  dialog.addEventListener('close', () => {
    dialog.remove();
    if (!button.isConnected && list) find('.event', list)?.focus(); // its entry left the list
  });
  find('a', dialog)?.addEventListener('click', () => dialog.close());
  dialog.showModal();
  $('.main', dialog).focus();
}

/** @param {Server.Notice} event */
function details(event) {
  const facts = [['Began', timeText(event.time)]];
  if (event.source) facts.push(['Reported by', event.source]);
  const link = `/live#${encodeURIComponent(event.camera ?? '')}`;
  return /** @type {HTMLDialogElement} */ (
    el(
      'dialog.dialog',
      { 'aria-labelledby': 'event-title' },
      el('h2', { id: 'event-title' }),
      el(
        'dl.facts',
        {},
        event.camera && el('dt', {}, 'Camera'),
        event.camera && el('dd', {}, el('bdi', {}, titleOf(event.camera))),
        ...facts.flatMap(([name, value]) => [el('dt', {}, name), el('dd', {}, value)]),
      ),
      el(
        'form.row',
        { method: 'dialog' },
        event.camera && el('a.btn', { href: link }, 'Show the camera'),
        el('button.btn.main', {}, 'Close'),
      ),
    )
  );
}
