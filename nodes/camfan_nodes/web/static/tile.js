// One camera on the page: its canvas, its state and the words for it.

import { CameraObserver, WorstAge, isLive } from './camera_observer.js';
import { titleOf } from './camera_titles.js';
import { $, el, icon, setData, setText } from './dom.js';
import { overlayOf, showOverlay } from './tile_overlay.js';
import { ageText, barPlace, fpsText, lengthText, timeText } from './words.js';

/** @typedef {import('./camera_observer.js').Observed} Observed */
/** @typedef {import('./worker_messages.js').PaintedFrame} PaintedFrame */
/**
 * @typedef {object} Moment What is true for all tiles when they are shown.
 * @property {number} now
 * @property {number} site the site's time, ms
 * @property {boolean} connected server and broker answer
 * @property {boolean} lost the server does not answer
 * @property {boolean} brokerAway
 */

const MOTION_STAYS = 2000; // ms
const BADGES = ['lost', 'late', 'motion']; // the most important first; two are shown
/** @type {Partial<Server.ReportedCamera>} */
const NOTHING = {};

export class Tile {
  /**
   * @param {string} camera
   * @param {number} now
   */
  constructor(camera, now) {
    this.camera = camera;
    this.title = titleOf(camera);
    this.seen = false; // it can be seen, and its frames are asked for
    this.onScreen = false;
    this.observer = new CameraObserver(now);
    this.worst = new WorstAge();
    /** @type {number | null} */
    this.paused = null; // since when, site time
    this.summary = NOTHING; // what the server reports of this camera
    this.movedAt = -Infinity;
    /** @type {number | null} */
    this.broken = null; // the sequence of a frame that could not be decoded
    this.state = '';
    /** @type {Observed | null} */
    this.observed = null;
    /** @type {number | null} */
    this.sequence = null;
    /** @type {[number, number] | null} */
    this.size = null;
    this.shownBar = '';
    this.shownBadges = '';
    const label = `Picture of ${this.title}`;
    this.canvas = /** @type {HTMLCanvasElement} */ (
      el('canvas', { width: 16, height: 9, role: 'img', 'aria-label': label })
    );
    this.over = el('div');
    this.bar = el('div.bar');
    this.badges = el('span.bdg');
    this.age = el('span.age', {}, el('b'), el('i'), el('span.e'));
    this.fps = el('span.fps');
    this.node = this.#node();
  }

  #node() {
    const name = this.title === this.camera ? null : this.camera;
    return el(
      'article.tile',
      { tabindex: -1, 'data-camera': this.camera, draggable: true },
      el('div.pic', {}, this.canvas, this.over),
      this.bar,
      el(
        'div.cap',
        {},
        el('h3', { dir: 'auto', title: name }, this.title),
        this.badges,
        this.fps,
        this.age,
      ),
    );
  }

  /** The width of its picture, in pixels of the page. */
  get width() {
    return $('.pic', this.node).clientWidth;
  }

  get isShown() {
    return !this.node.classList.contains('off');
  }

  /**
   * The server's report of this camera, its limits included.
   * @param {Server.ReportedCamera} summary
   */
  report(summary) {
    this.summary = summary;
    this.observer.limits = summary;
  }

  /**
   * It came into sight, or went out of it.
   * @param {boolean} seen
   * @param {number} now
   */
  see(seen, now) {
    if (seen && !this.seen) {
      this.observer.ask(now);
      this.worst.forget();
      this.broken = null;
    }
    this.seen = seen;
  }

  /** @param {PaintedFrame} frame */
  painted(frame) {
    this.observer.arrived(frame);
    this.broken = null;
    this.size = frame.size;
    this.sequence = frame.sequence;
  }

  get isLive() {
    if (!this.seen) return isLive(this.summary.state ?? '');
    return this.paused === null && isLive(this.observed?.state ?? '');
  }

  /**
   * Shows the tile as it is now. Returns a sentence if the state has changed.
   * @param {Moment} moment
   */
  show(moment) {
    const { now, connected } = moment;
    const observed = this.observer.observe(now, connected, this.summary.state);
    const state = this.paused === null ? observed.state : 'paused';
    this.observed = observed;
    if (this.summary.moving && isLive(state)) this.movedAt = now;
    const moving = isLive(state) && now - this.movedAt < MOTION_STAYS;
    setData(this.node, 'sequence', this.sequence === null ? null : String(this.sequence));
    setData(this.node, 'motion', moving ? '' : null);
    setData(this.node, 'state', state === 'paused' ? 'stale' : state);
    this.#showAge(observed, state, now);
    showOverlay(this.over, overlayOf(this, observed, state, moment));
    this.#showBadges(state, moving);
    setText(this.fps, isLive(state) ? fpsText(observed.fps) : '');
    return this.#name(state, observed, moment.site);
  }

  /**
   * @param {Observed} observed
   * @param {string} state
   * @param {number} now
   */
  #showAge(observed, state, now) {
    if (state === 'offline' || observed.since === null) {
      this.#putAge('', 'no picture', '', false);
      this.#putBar(10, 10);
    } else if (!isLive(state)) {
      this.worst.forget();
      if (observed.age === null) this.#putAge('age unknown', '', '', true);
      else this.#putAge(lengthText(observed.age), '', 'old', state !== 'ended');
      this.#putBar(this.observer.stale, this.observer.stale);
    } else {
      this.worst.note(now, observed.age, observed.error);
      this.#showLiveAge(state);
    }
  }

  /** @param {string} state */
  #showLiveAge(state) {
    if (!this.worst.shown) {
      this.#putAge('age unknown', '', '', true);
      this.#putBar(10, 10);
      return;
    }
    const [worst, error] = this.worst.shown;
    this.#putAge(...ageText(worst, error), state === 'late');
    this.#putBar(worst - error, worst + error);
  }

  /**
   * @param {string} value
   * @param {string} unit
   * @param {string} error
   * @param {boolean} warn
   */
  #putAge(value, unit, error, warn) {
    const [number, units, bound] = this.age.children;
    setText(number, value);
    setText(units, unit);
    setText(bound, error);
    number.className = warn ? 'warn' : '';
  }

  /**
   * @param {number} low ms
   * @param {number} high ms
   */
  #putBar(low, high) {
    const { late, stale } = this.observer;
    const places = [low, high, late].map(ms => barPlace(ms, stale));
    if (places.join() === this.shownBar) return;
    this.shownBar = places.join();
    const [from, to, lateAt] = places;
    this.bar.style.setProperty('--lo', from);
    this.bar.style.setProperty('--hi', to);
    this.bar.style.setProperty('--late', lateAt);
  }

  /**
   * @param {string} state
   * @param {boolean} moving
   */
  #showBadges(state, moving) {
    const { lost = 0 } = this.summary;
    /** @type {[tone: string, name: string, number: string, word: string][]} */
    const shown = [];
    if (state === 'late') shown.push(['warn', 'late', '', 'Late']);
    if (lost) shown.push(['bad', 'lost', String(lost), 'lost']);
    if (moving) shown.push(['note', 'motion', '', 'Motion']);
    shown.sort((a, b) => BADGES.indexOf(a[1]) - BADGES.indexOf(b[1]));
    const two = shown.slice(0, 2);
    const key = two.join('|');
    if (key === this.shownBadges) return;
    this.shownBadges = key;
    this.badges.replaceChildren(...two.map(badge => badgeNode(...badge)));
  }

  /**
   * The label for screen readers; changed only when the state changes.
   * @param {string} state
   * @param {Observed} observed
   * @param {number} site
   */
  #name(state, observed, site) {
    if (state === this.state) return null;
    const before = this.state;
    this.state = state;
    const timeless = observed.since === null || isLive(state) || state === 'waiting';
    const since = timeless ? '' : ` since ${timeText(observed.since ?? 0, site)}`;
    const word = state === 'waiting' ? 'no picture yet' : state;
    this.node.setAttribute('aria-label', `${this.title}, ${word}${since}`);
    const announced = before && state !== 'waiting' && before !== 'waiting';
    return announced ? `${this.title} is ${word}${since}` : null;
  }
}

/**
 * @param {string} tone
 * @param {string} name of the icon
 * @param {string} number
 * @param {string} word
 */
function badgeNode(tone, name, number, word) {
  return el(
    `span.bd.${tone}`,
    { title: `${number} ${word}`.trim() },
    icon(name),
    number ? el('em', {}, number) : null,
    el('span', {}, word),
  );
}
