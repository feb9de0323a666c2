// What the live page updates four times a second: states, ages, the site's clock.

import { isLive } from './camera_observer.js';
import { $, setText } from './dom.js';
import { epoch } from './epoch.js';
import { showBanner, showSentence } from './live_summary.js';
import { showClock } from './shell.js';
import { timeText } from './words.js';

/** @typedef {import('./live_page.js').LivePage} LivePage */

const EVERY = 250; // ms
const ANNOUNCE_EVERY = 5000; // ms, for screen readers

export class Ticker {
  /** @param {LivePage} page */
  constructor(page) {
    this.page = page;
    this.announcement = '';
    this.announceDue = 0;
  }

  start() {
    setInterval(() => this.tick(), EVERY);
  }

  tick() {
    const { page } = this;
    const now = epoch();
    if (!page.hello) {
      if (page.lost) showBanner(now, page);
      return;
    }
    const site = page.siteTime(now);
    const oldest = this.#showTiles(now, site);
    showClock(site, page.clock?.error ?? null);
    const { lost, solo, siteState } = page;
    showBanner(now, { lost, siteState, unknown: page.kiosk ? page.unknown : '' });
    showSentence([...page.tiles.values()], { lost, solo, oldest });
    this.#announce(now);
    if (page.wall) setText($('.wc b'), timeText(site, site));
  }

  /**
   * Returns the age of the oldest live picture, ms.
   * @param {number} now
   * @param {number} site
   */
  #showTiles(now, site) {
    const { brokerAway, tiles } = this.page;
    const lost = this.page.lost !== null;
    const moment = { now, site, connected: !lost && !brokerAway, lost, brokerAway };
    /** @type {number | null} */
    let oldest = null;
    for (const tile of tiles.values()) {
      if (!tile.seen) continue;
      this.announcement = tile.show(moment) ?? this.announcement;
      if (isLive(tile.state) && tile.worst.shown) {
        oldest = Math.max(oldest ?? 0, tile.worst.shown[0]);
      }
    }
    return oldest;
  }

  /** @param {number} now */
  #announce(now) {
    if (!this.announcement || now < this.announceDue) return;
    setText($('#said'), this.announcement);
    this.announcement = '';
    this.announceDue = now + ANNOUNCE_EVERY;
  }
}
