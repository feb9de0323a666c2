// What the connection worker reports, and what the live page makes of it.

import { setTitles } from './camera_titles.js';
import { epoch } from './epoch.js';
import { cameraOfAddress } from './live_solo.js';
import { showNow } from './live_summary.js';
import { api, toLogin } from './server_api.js';
import { showUser } from './shell.js';
import { load } from './stored.js';
import { Tile } from './tile.js';
import { drag } from './tile_order.js';
import { toast } from './toast.js';

/** @typedef {import('./live_page.js').LivePage} LivePage */
/** @typedef {import('./live_arrangement.js').Arrangement} Arrangement */
/** @typedef {import('./live_solo.js').SoloView} SoloView */
/** @typedef {import('./live_ticker.js').Ticker} Ticker */
/** @typedef {import('./worker_messages.js').FromWorker} FromWorker */

const LOGGED_OUT = 4401; // close code of the server

export class Messages {
  /**
   * @param {LivePage} page
   * @param {Arrangement} arrangement
   * @param {SoloView} solo
   * @param {Ticker} ticker
   */
  constructor(page, arrangement, solo, ticker) {
    this.page = page;
    this.arrangement = arrangement;
    this.solo = solo;
    this.ticker = ticker;
    page.worker.onmessage = event => this.#receive(event.data);
  }

  /** @param {FromWorker} message */
  #receive(message) {
    const { page } = this;
    switch (message.type) {
      case 'hello':
        return this.#hello(message.hello);
      case 'state':
        return this.#state(message.state);
      case 'clock':
        page.clock = message.clock;
        return;
      case 'frames':
        for (const frame of message.frames) page.tiles.get(frame.camera)?.painted(frame);
        return;
      case 'bitmap':
        return this.#bitmap(message.camera, message.bitmap);
      case 'broken':
        return this.#broken(message.camera, message.sequence);
      case 'lost':
        return this.#lost(message);
    }
  }

  /** @param {Server.PageHello} hello */
  #hello(hello) {
    const { page } = this;
    if (page.hello && identityOf(page.hello) !== identityOf(hello)) {
      location.reload(); // it is another site, or other cameras, now
      return;
    }
    const first = page.hello === null;
    page.hello = hello;
    setTitles(hello.titles);
    if (page.lost) this.#askAgain();
    if (first) this.#build(hello);
    this.arrangement.wanted.send();
    this.ticker.tick();
  }

  /** Frames from before the server was lost no longer count. */
  #askAgain() {
    this.page.lost = null;
    const now = epoch();
    for (const tile of this.page.tiles.values()) {
      if (!tile.seen) continue;
      tile.see(false, now);
      if (tile.onScreen) tile.see(true, now);
    }
  }

  /** @param {Server.SiteState} state */
  #state(state) {
    const { page } = this;
    for (const [camera, summary] of Object.entries(state.cameras)) {
      page.tiles.get(camera)?.report(summary);
    }
    const ours = (/** @type {Server.Notice} */ one) => page.tiles.has(one.camera ?? '');
    const lately = page.asked.length ? state.lately.filter(ours) : state.lately;
    page.siteState = { ...state, lately };
    showNow(page.siteTime(epoch()), page.siteState);
  }

  /**
   * For browsers in which a worker cannot paint.
   * @param {string} camera
   * @param {ImageBitmap} bitmap
   */
  #bitmap(camera, bitmap) {
    const canvas = this.page.tiles.get(camera)?.canvas;
    canvas?.getContext('bitmaprenderer')?.transferFromImageBitmap(bitmap);
  }

  /**
   * @param {string} camera
   * @param {number} sequence
   */
  #broken(camera, sequence) {
    const tile = this.page.tiles.get(camera);
    if (tile) tile.broken = sequence;
  }

  /** @param {{ code: number, heard: number, next: number }} message */
  #lost({ code, heard, next }) {
    const { page } = this;
    if (code === LOGGED_OUT) {
      toLogin();
      return;
    }
    page.lost = { at: page.lost?.at ?? (heard || epoch()), next };
    page.clock = null;
    api(`/api/me?${page.tokenQuery}`).catch(() => {}); // signed out meanwhile: to the login page
    this.ticker.tick();
  }

  /** @param {Server.PageHello} hello */
  #build(hello) {
    const { page } = this;
    showUser({ name: hello.user, role: hello.role, kind: hello.kind });
    const now = epoch();
    for (const camera of this.#cameras(Object.keys(hello.cameras))) {
      const tile = new Tile(camera, now);
      tile.observer.multiples = hello.intervals;
      this.#add(tile);
    }
    const missing = page.asked.filter(camera => !(camera in hello.cameras));
    if (missing.length) {
      page.unknown = `No such camera, or not permitted: ${missing.join(', ')}.`;
      if (!page.kiosk) toast(page.unknown, { bad: true });
    }
    const named = cameraOfAddress();
    page.solo = page.tiles.has(named) ? named : null;
    this.arrangement.update();
  }

  /**
   * The cameras of this page, in its order: that of the address, else the one stored here.
   * @param {string[]} all
   */
  #cameras(all) {
    const { page } = this;
    const fixed = page.kiosk && page.asked.length > 0;
    const order = fixed ? page.asked : load(page.orderKey, /** @type {string[]} */ ([]));
    const wanted = page.asked.length ? all.filter(camera => page.asked.includes(camera)) : all;
    const first = order.filter(camera => wanted.includes(camera));
    return [...new Set([...first, ...wanted])];
  }

  /** @param {Tile} tile */
  #add(tile) {
    const { page } = this;
    page.tiles.set(tile.camera, tile);
    page.grid.append(tile.node);
    const { camera } = tile;
    if ('transferControlToOffscreen' in tile.canvas) {
      const canvas = tile.canvas.transferControlToOffscreen();
      page.send({ type: 'canvas', camera, canvas }, [canvas]);
    } else page.send({ type: 'canvas', camera, canvas: null });
    tile.node.addEventListener('click', () => {
      if (!page.kiosk && !page.solo) this.solo.open(camera);
    });
    tile.node.draggable = !page.kiosk;
    drag(tile.node, camera, (moved, other) => this.arrangement.move(moved, other));
    this.arrangement.wanted.watch(tile.node);
  }
}

/** @param {Server.PageHello} hello */
const identityOf = ({ site, cameras, titles }) =>
  JSON.stringify([site, Object.keys(cameras), titles]);
