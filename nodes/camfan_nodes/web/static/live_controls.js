// Keys, buttons and fields of the live page.

import { $, input } from './dom.js';
import { onKey } from './keyboard.js';
import { keepAwake } from './live_arrangement.js';
import { savePicture } from './live_solo.js';
import { load, store } from './stored.js';

/** @typedef {import('./live_page.js').LivePage} LivePage */
/** @typedef {import('./live_arrangement.js').Arrangement} Arrangement */
/** @typedef {import('./live_solo.js').SoloView} SoloView */

const POINTER_HIDES = 3000; // ms
const ARROWS = ['ArrowLeft', 'ArrowRight', 'ArrowUp', 'ArrowDown'];
const TROUBLE = ['offline', 'stale', 'late'];

/**
 * @param {LivePage} page
 * @param {Arrangement} arrangement
 * @param {SoloView} solo
 */
export function addControls(page, arrangement, solo) {
  addKeys(page, arrangement, solo);
  addButtons(page, arrangement, solo);
  addSearch(arrangement, solo);
  addPaging(arrangement);
  page.grid.addEventListener('keydown', event => moveInGrid(event, page, arrangement, solo));
}

/**
 * Keys that work anywhere on the page; false: not used.
 * @param {LivePage} page
 * @param {Arrangement} arrangement
 * @param {SoloView} solo
 */
function addKeys(page, arrangement, solo) {
  onKey('w', () => arrangement.setWall(!page.wall));
  onKey('f', toggleFullScreen);
  onKey('Escape', () => {
    if (page.solo) solo.back();
    else if (page.wall) arrangement.setWall(false);
    else return false;
    return true;
  });
  onKey(' ', () => page.solo !== null && (solo.togglePaused(), true));
  onKey('s', () => page.current !== null && (savePicture(page.current, page.tokenQuery), true));
  for (const key of ARROWS) onKey(key, () => focusOrIgnore(arrangement, arrangement.entry));
  onKey('/', () => {
    solo.back();
    input('#find').focus();
  });
  onKey('n', () => focusOrIgnore(arrangement, nextTrouble(page)));
  onKey('PageDown', () => !$('#pages').hidden && (arrangement.turnPage(1), true));
  onKey('PageUp', () => !$('#pages').hidden && (arrangement.turnPage(-1), true));
}

/**
 * @param {Arrangement} arrangement
 * @param {import('./tile.js').Tile | null} tile
 */
function focusOrIgnore(arrangement, tile) {
  if (!tile) return false;
  arrangement.focus(tile);
  return true;
}

/**
 * The next tile that needs attention, behind the one with the focus.
 * @param {LivePage} page
 */
function nextTrouble({ shown }) {
  const at = shown.findIndex(tile => tile.node === document.activeElement);
  const following = [...shown.slice(at + 1), ...shown.slice(0, at + 1)];
  return following.find(tile => TROUBLE.includes(tile.state)) ?? null;
}

/**
 * @param {LivePage} page
 * @param {Arrangement} arrangement
 * @param {SoloView} solo
 */
function addButtons(page, arrangement, solo) {
  /** @type {[string, () => void][]} */
  const buttons = [
    ['#wall', () => arrangement.setWall(true)],
    ['#full', toggleFullScreen],
    ['#back', () => solo.back()],
    ['#pause', () => solo.togglePaused()],
    ['#save', () => page.solo && savePicture(page.solo, page.tokenQuery)],
    ['#set', () => solo.openSettings()],
    ['#banner .link', () => page.send({ type: 'retry' })],
    ['#pages .prev', () => arrangement.turnPage(-1)],
    ['#pages .next', () => arrangement.turnPage(1)],
  ];
  for (const [selector, work] of buttons) $(selector).addEventListener('click', work);
}

/**
 * @param {Arrangement} arrangement
 * @param {SoloView} solo
 */
function addSearch(arrangement, solo) {
  const field = input('#find');
  field.addEventListener('input', () => arrangement.filter(field.value));
  field.addEventListener('keydown', event => {
    const first = arrangement.entry;
    if (event.key === 'Escape') {
      field.value = '';
      arrangement.filter('');
      field.blur();
    } else if ((event.key === 'Enter' || event.key === 'ArrowDown') && first) {
      event.preventDefault();
      const only = event.key === 'Enter' && arrangement.placed.length === 1;
      if (only) solo.open(first.camera);
      else arrangement.focus(first);
    }
  });
}

/** @param {Arrangement} arrangement */
function addPaging(arrangement) {
  const many = input('#many');
  many.value = load('many', '0');
  many.addEventListener('change', () => {
    store('many', many.value);
    arrangement.turnPage(-Infinity);
  });
}

/**
 * Arrows in the grid: to the next tile, with Shift the tile itself, in solo view the next camera.
 * @param {KeyboardEvent} event
 * @param {LivePage} page
 * @param {Arrangement} arrangement
 * @param {SoloView} solo
 */
function moveInGrid(event, page, arrangement, solo) {
  const { shown } = page;
  const at = shown.findIndex(tile => tile.node === document.activeElement);
  if (at < 0) return;
  const step = stepOf(event.key, page.grid);
  if (step && page.solo) solo.openNext(Math.sign(step));
  else if (step && shown[at + step] && event.shiftKey) {
    arrangement.move(shown[at].node, shown[at + step].node);
    arrangement.focus(shown[at]);
  } else if (step && shown[at + step]) arrangement.focus(shown[at + step]);
  else if (event.key === 'Enter' && !page.solo) solo.open(shown[at].camera);
  else return;
  event.preventDefault();
}

/**
 * @param {string} key
 * @param {HTMLElement} grid
 */
function stepOf(key, grid) {
  const columns = getComputedStyle(grid).gridTemplateColumns.split(' ').length;
  /** @type {Record<string, number>} */
  const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns };
  return steps[key] ?? 0;
}

function toggleFullScreen() {
  if (document.fullscreenElement) document.exitFullscreen();
  else document.documentElement.requestFullscreen?.().catch(() => {});
}

/**
 * On a wall the pointer hides and the screen stays on.
 * @param {LivePage} page
 */
export function addWallBehaviour(page) {
  let timer = 0;
  addEventListener('pointermove', () => {
    document.body.classList.remove('still');
    clearTimeout(timer);
    if (page.wall) timer = setTimeout(() => document.body.classList.add('still'), POINTER_HIDES);
  });
  document.addEventListener('visibilitychange', () => {
    if (page.wall && !document.hidden) keepAwake();
  });
}
