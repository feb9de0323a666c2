// Which tiles can be seen; only their frames are asked for.

import { epoch } from './epoch.js';

/** @typedef {import('./live_page.js').LivePage} LivePage */

const SEND_AFTER = 120; // ms: scrolling and resizing change it many times a second

export class WantedTiles {
  /** @param {LivePage} page */
  constructor(page) {
    this.page = page;
    this.timer = 0;
    const options = { rootMargin: '8% 0px' };
    this.observer = new IntersectionObserver(entries => this.#crossed(entries), options);
  }

  /** @param {HTMLElement} node of a tile */
  watch(node) {
    this.observer.observe(node);
  }

  /** @param {IntersectionObserverEntry[]} entries */
  #crossed(entries) {
    for (const { target, isIntersecting } of entries) {
      const camera = /** @type {HTMLElement} */ (target).dataset.camera ?? '';
      this.page.tile(camera).onScreen = isIntersecting;
    }
    this.sendSoon();
  }

  sendSoon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.send(), SEND_AFTER);
  }

  /** Tells the worker what can be seen now, and in which size. */
  send() {
    const { page } = this;
    const now = epoch();
    /** @type {Server.Tile[]} */
    const tiles = [];
    for (const tile of page.inOrder) {
      const seen = !document.hidden && tile.onScreen && tile.isShown;
      tile.see(seen, now);
      if (!seen || tile.paused !== null) continue;
      const width = Math.max(1, Math.round(tile.width * devicePixelRatio));
      tiles.push({ camera: tile.camera, width: page.solo ? null : width });
    }
    page.send({ type: 'want', tiles });
  }
}
