// The state of the live page. All of it is here; the other live_* modules change and show it.

import { isLive } from './camera_observer.js';
import { $, input } from './dom.js';
import { epoch } from './epoch.js';

/** @typedef {import('./tile.js').Tile} Tile */
/** @typedef {import('./live_summary.js').Lost} Lost */
/** @typedef {{ offset: number, error: number }} ClockOffset of the site's clock to this one, ms */

const MOST_TILES = 64; // on one page of the grid

export class LivePage {
  /**
   * @param {Worker} worker
   * @param {URLSearchParams} query of the page's address
   */
  constructor(worker, query) {
    this.worker = worker;
    this.kiosk = query.get('kiosk') === '1';
    this.asked = (query.get('cameras') ?? '').split(',').filter(Boolean); // empty: all cameras
    this.token = query.get('token');
    this.grid = $('#grid');
    /** @type {Map<string, Tile>} all cameras of this page */
    this.tiles = new Map();
    /** @type {Server.PageHello | null} */
    this.hello = null;
    /** @type {Server.SiteState | null} */
    this.siteState = null;
    /** @type {ClockOffset | null} */
    this.clock = null;
    /** @type {Lost | null} while the server does not answer */
    this.lost = null;
    /** @type {string | null} the camera that is shown alone */
    this.solo = null;
    this.wall = this.kiosk;
    this.pageNumber = 0; // of the grid
    this.typed = ''; // in the search field
    this.unknown = ''; // a sentence about cameras of the address that do not exist
  }

  /**
   * @param {object} message
   * @param {Transferable[]} transfer
   */
  send(message, transfer = []) {
    this.worker.postMessage(message, transfer);
  }

  /** @param {number} now */
  siteTime(now) {
    return now + (this.clock?.offset ?? 0);
  }

  get brokerAway() {
    return this.siteState !== null && !this.siteState.connected;
  }

  /** The tiles in the order of the grid. */
  get inOrder() {
    const nodes = /** @type {HTMLElement[]} */ ([...this.grid.children]);
    return nodes.map(node => this.tile(node.dataset.camera ?? ''));
  }

  get shown() {
    return this.inOrder.filter(tile => tile.isShown);
  }

  /** @param {string} camera that has a tile */
  tile(camera) {
    const tile = this.tiles.get(camera);
    if (!tile) throw new Error(`the page has no tile of ${camera}`);
    return tile;
  }

  get soloTile() {
    return this.solo === null ? null : this.tile(this.solo);
  }

  /** The camera that keys act on. */
  get current() {
    if (this.solo) return this.solo;
    const focused = /** @type {HTMLElement | null} */ (document.activeElement);
    return this.tiles.get(focused?.dataset.camera ?? '')?.camera ?? null;
  }

  get tilesPerPage() {
    if (this.kiosk) return Infinity;
    return Number(input('#many').value) || MOST_TILES;
  }

  get orderKey() {
    return `order.${this.hello?.site}.${this.hello?.user}`;
  }

  /**
   * @param {Tile} tile
   * @param {boolean} paused only a live picture can be paused
   */
  setPaused(tile, paused) {
    const now = epoch();
    const live = isLive(tile.observed?.state ?? '');
    tile.paused = paused && live ? this.siteTime(now) : null;
    if (tile.paused === null) tile.see(false, now);
  }

  /** The query for an address that needs the token of this page. */
  get tokenQuery() {
    return this.token ? `token=${encodeURIComponent(this.token)}` : '';
  }
}
