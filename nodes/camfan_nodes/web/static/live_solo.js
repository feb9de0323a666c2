// One camera alone: opened, left, paused, saved.

import { openSettings } from './camera_settings.js';
import { titleOf } from './camera_titles.js';
import { $, el, setText } from './dom.js';
import { messageOf } from './server_api.js';
import { toast } from './toast.js';
import { timeText } from './words.js';

/** @typedef {import('./live_page.js').LivePage} LivePage */
/** @typedef {import('./live_arrangement.js').Arrangement} Arrangement */
/** @typedef {import('./live_ticker.js').Ticker} Ticker */

const LINK_LIVES = 10000; // ms: long enough for the browser to read a saved picture

/** The camera in the page's address. */
export const cameraOfAddress = () => decodeURIComponent(location.hash.slice(1));

/** @param {string} camera */
const address = camera => `#${encodeURIComponent(camera)}`;

export class SoloView {
  /**
   * @param {LivePage} page
   * @param {Arrangement} arrangement
   * @param {Ticker} ticker
   */
  constructor(page, arrangement, ticker) {
    this.page = page;
    this.arrangement = arrangement;
    this.ticker = ticker;
    addEventListener('popstate', () => {
      if (page.hello) this.show(cameraOfAddress());
    });
  }

  /** @param {string} camera */
  open(camera) {
    history.pushState(null, '', address(camera));
    this.show(camera);
  }

  /**
   * The next or the previous camera, in place of this one.
   * @param {number} step
   */
  openNext(step) {
    const all = this.page.inOrder;
    const at = all.findIndex(tile => tile.camera === this.page.solo);
    const { camera } = all[(at + step + all.length) % all.length];
    history.replaceState(null, '', address(camera));
    this.show(camera);
  }

  back() {
    if (!this.page.solo) return;
    if (history.length > 1) history.back();
    else location.hash = '';
  }

  /** @param {string} camera a name that has no tile shows the grid again */
  show(camera) {
    const { page } = this;
    const before = page.soloTile;
    if (before) this.setPaused(false);
    page.solo = page.tiles.has(camera) ? camera : null;
    $('#set').hidden = page.solo === null || page.hello?.role === 'viewer';
    this.arrangement.update();
    const tile = page.soloTile ?? before;
    if (tile) this.arrangement.focus(tile);
    this.ticker.tick();
  }

  /** @param {boolean} paused */
  setPaused(paused) {
    const tile = this.page.soloTile;
    if (!tile) return;
    this.page.setPaused(tile, paused);
    setText($('#pause span'), tile.paused === null ? 'Pause' : 'Continue');
    this.arrangement.wanted.send();
    this.ticker.tick();
  }

  togglePaused() {
    this.setPaused(this.page.soloTile?.paused === null);
  }

  openSettings() {
    if (this.page.solo) openSettings(this.page.solo, titleOf(this.page.solo));
  }
}

/**
 * Saves the newest picture of a camera as a file.
 * @param {string} camera
 * @param {string} tokenQuery
 */
export async function savePicture(camera, tokenQuery) {
  try {
    const path = `/snapshot/${encodeURIComponent(camera)}.jpg?max_age=10&${tokenQuery}`;
    const answer = await fetch(path, { cache: 'no-store' });
    if (!answer.ok) throw new Error((await answer.text()).trim());
    const taken = new Date(Number(answer.headers.get('X-Timestamp')) * 1000);
    download(await answer.blob(), `${camera} ${fileTime(taken)}.jpg`);
    toast(`Saved the picture of ${titleOf(camera)} of ${timeText(taken.getTime())}.`);
  } catch (error) {
    toast(messageOf(error) || 'The server does not answer.', { bad: true });
  }
}

/** @param {Date} time */
const fileTime = time => `${time.toISOString().replace(/:/g, '-').slice(0, 19)}Z`;

/**
 * @param {Blob} content
 * @param {string} name
 */
function download(content, name) {
  const href = URL.createObjectURL(content);
  el('a', { href, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(href), LINK_LIVES);
}
