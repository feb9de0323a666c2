// Single keys, and the dialog that lists them.

import { el, find, input } from './dom.js';
import { leave } from './server_api.js';
import { load, store } from './stored.js';

/** @typedef {(event: KeyboardEvent) => unknown} KeyWork false: the key was not used */

const KEYS = [
  ['1 2', 'Live, Site'],
  ['arrows', 'move in the grid'],
  ['Enter', 'open the camera, the event'],
  ['Esc', 'back, close'],
  ['Shift + arrows', 'move the camera to another place'],
  ['W', 'wall'],
  ['F', 'full screen'],
  ['space', 'pause, continue'],
  ['S', 'save the picture'],
  ['/', 'find a camera'],
  ['N', 'next camera that needs attention'],
  ['?', 'these keys'],
];

/** @type {Map<string, KeyWork>} */
const handlers = new Map();

/**
 * A single key. It does nothing in an input field or while a dialog is open.
 * @param {string} key lower case
 * @param {KeyWork} work
 */
export function onKey(key, work) {
  handlers.set(key, work);
}

/** Listens, and adds the dialog to the page. */
export function startKeyboard() {
  addEventListener('keydown', pressed);
  const dialog = keysDialog();
  document.body.append(dialog);
  const box = input('#single-keys');
  box.checked = load('keys', true);
  box.addEventListener('change', () => store('keys', box.checked));
  find('#help')?.addEventListener('click', () => dialog.showModal());
  onKey('?', () => dialog.showModal());
  onKey('1', () => leave('/live'));
  onKey('2', () => leave('/site'));
}

/** @param {KeyboardEvent} event */
function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  if (find('dialog[open]') || isTyping(event.target)) return;
  if (event.key !== 'Escape' && !load('keys', true)) return;
  const work = handlers.get(event.key.length === 1 ? event.key.toLowerCase() : event.key);
  if (work && work(event) !== false) event.preventDefault();
}

/**
 * For a moment the focus is still in a dialog that has just closed: that does not count.
 * @param {EventTarget | null} target
 */
function isTyping(target) {
  if (!(target instanceof Element)) return false;
  return target.closest('input,select,textarea') !== null && !target.closest('dialog');
}

function keysDialog() {
  const rows = KEYS.flatMap(([keys, what]) => [el('dt', {}, ...caps(keys)), el('dd', {}, what)]);
  return /** @type {HTMLDialogElement} */ (
    el(
      'dialog.dialog',
      { 'aria-labelledby': 'keys-title' },
      el('h2', { id: 'keys-title' }, 'Keys'),
      el('dl.keytable', {}, ...rows),
      el(
        'label.row',
        {},
        el('input', { type: 'checkbox', id: 'single-keys' }),
        'Enable single-key shortcuts',
      ),
      el('form.row', { method: 'dialog' }, el('button.btn', {}, 'Close')),
    )
  );
}

/**
 * 'Shift + arrows' as two key caps.
 * @param {string} keys
 */
function caps(keys) {
  const parts = keys.split(' ').map(key => (key === '+' ? ' + ' : el('kbd', {}, key)));
  return parts.flatMap((part, at) => (at ? [' ', part] : [part]));
}
