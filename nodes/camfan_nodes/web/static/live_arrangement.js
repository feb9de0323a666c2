// Which tiles have a place on the page, and where.

import { matches } from './camera_titles.js';
import { $, setText } from './dom.js';
import { layout } from './grid.js';
import { store } from './stored.js';
import { put } from './tile_order.js';

/** @typedef {import('./live_page.js').LivePage} LivePage */
/** @typedef {import('./tile.js').Tile} Tile */

const NO_CAMERAS =
  'You may not see any camera of this site. Its owner can change that in the site file.';

export class Arrangement {
  /**
   * @param {LivePage} page
   * @param {import('./live_wanted.js').WantedTiles} wanted
   */
  constructor(page, wanted) {
    this.page = page;
    this.wanted = wanted;
  }

  /** The tiles that have a place now: found by name, and on this page of the grid. */
  get placed() {
    const { page } = this;
    if (page.soloTile) return [page.soloTile];
    const matching = page.inOrder.filter(tile => matches(tile.camera, page.typed));
    const each = page.tilesPerPage;
    const pages = Math.max(1, Math.ceil(matching.length / each));
    page.pageNumber = Math.min(page.pageNumber, pages - 1);
    const first = page.pageNumber ? page.pageNumber * each : 0;
    return matching.slice(first, first + each);
  }

  update() {
    const { page } = this;
    const placed = new Set(this.placed);
    for (const tile of page.tiles.values()) tile.node.classList.toggle('off', !placed.has(tile));
    this.#showMode();
    const count = placed.size;
    page.grid.setAttribute('aria-label', count === 1 ? '1 camera' : `${count} cameras`);
    this.#makeFocusable([...placed]);
    layout(page.grid, $('.now'), count, { wall: page.wall, withList: !page.solo });
    this.#showEmpty(count);
    this.wanted.sendSoon();
  }

  #showMode() {
    const { page } = this;
    document.body.classList.toggle('solo', page.solo !== null);
    document.body.classList.toggle('wall', page.wall);
    document.body.classList.toggle('kiosk', page.kiosk);
    $('#solo-tools').hidden = page.solo === null;
    $('#grid-tools').hidden = page.solo !== null;
    $('#pages').hidden = page.solo !== null || page.tiles.size <= page.tilesPerPage;
  }

  /**
   * One tile of the grid can be reached with Tab: the one that was left last.
   * @param {Tile[]} placed
   */
  #makeFocusable(placed) {
    const first = placed.find(tile => tile.node.tabIndex === 0) ?? placed[0];
    for (const tile of this.page.tiles.values()) tile.node.tabIndex = tile === first ? 0 : -1;
  }

  /** @param {number} count */
  #showEmpty(count) {
    const { page } = this;
    const place = $('#none');
    place.hidden = count > 0;
    if (page.hello && !page.tiles.size) setText(place, NO_CAMERAS);
    else if (page.typed) {
      setText(place, `No camera has “${page.typed.trim()}” in its name or title.`);
    }
  }

  /** The tile at which the grid is entered from elsewhere on the page. */
  get entry() {
    const { shown } = this.page;
    return shown.find(tile => tile.node.tabIndex === 0) ?? shown[0] ?? null;
  }

  /** @param {Tile} tile */
  focus(tile) {
    for (const one of this.page.tiles.values()) one.node.tabIndex = one === tile ? 0 : -1;
    tile.node.focus();
  }

  /**
   * Moves a tile to the place of another one, for good.
   * @param {HTMLElement} moved
   * @param {HTMLElement} other
   */
  move(moved, other) {
    put(moved, other);
    const order = this.page.inOrder.map(tile => tile.camera);
    store(this.page.orderKey, order);
    this.update();
  }

  /** @param {number} step pages of the grid */
  turnPage(step) {
    this.page.pageNumber = Math.max(0, this.page.pageNumber + step);
    this.update();
    scrollTo(0, 0);
  }

  /** @param {string} typed */
  filter(typed) {
    this.page.typed = typed;
    this.page.pageNumber = 0;
    this.update();
  }

  /** @param {boolean} on */
  setWall(on) {
    this.page.wall = on;
    if (on) keepAwake();
    this.update();
  }
}

/** Keeps the screen on, where the browser can. */
export async function keepAwake() {
  try {
    await navigator.wakeLock?.request('screen');
  } catch {
    /* the screen may sleep then */
  }
}
