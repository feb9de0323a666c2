// The words over a picture that is not live.

import { MARK } from './camera_observer.js';
import { el, icon } from './dom.js';
import { timeText } from './words.js';

/** @typedef {import('./tile.js').Tile} Tile */
/** @typedef {import('./tile.js').Moment} Moment */
/** @typedef {import('./camera_observer.js').Observed} Observed */
/**
 * @typedef {object} Overlay
 * @property {string} kind a state, or 'paused', 'broken'
 * @property {string} name
 * @property {string} sentence
 * @property {string} detail may be empty
 * @property {boolean} hasFrame there is a picture beneath it
 */

const WORDS_AFTER = 300; // ms: a camera that answers at once shows no words
/** @type {Record<string, string>} icons */
const MARKS = { ...MARK, paused: 'pause', broken: 'warn' };

/**
 * What to say over a tile's picture; null: nothing.
 * @param {Tile} tile
 * @param {Observed} observed
 * @param {string} state
 * @param {Moment} moment
 * @returns {Overlay | null}
 */
export function overlayOf(tile, observed, state, moment) {
  const hasFrame = observed.since !== null;
  const since = hasFrame
    ? `since ${timeText(observed.since ?? 0, moment.site)}`
    : 'No picture came';
  const why = reason(tile, moment);
  switch (state) {
    case 'waiting':
      return waiting(tile, observed, moment, why);
    case 'offline':
      return { kind: state, name: 'Offline', sentence: since, detail: why, hasFrame };
    case 'ended':
      return {
        kind: state,
        name: 'Ended',
        sentence: since,
        detail: 'its source has ended',
        hasFrame,
      };
    case 'paused': {
      const sentence = `since ${timeText(tile.paused ?? 0, moment.site)}`;
      return { kind: state, name: 'Paused', sentence, detail: '', hasFrame };
    }
    case 'stale':
      return { kind: state, name: 'Stale', sentence: since, detail: why, hasFrame };
    default:
      return tile.broken === null ? null : broken(tile.broken);
  }
}

/**
 * @param {Tile} tile
 * @param {Moment} moment
 */
function reason(tile, { lost, brokerAway }) {
  if (lost) return 'this page lost the server';
  return brokerAway ? 'the broker does not answer' : (tile.summary.trouble ?? '');
}

/**
 * @param {Tile} tile
 * @param {Observed} observed
 * @param {Moment} moment
 * @param {string} why
 */
function waiting(tile, observed, { now, site }, why) {
  if (now - tile.observer.asked < WORDS_AFTER && !why) return null;
  const until = tile.observer.offline - observed.quiet;
  const limit = Number.isFinite(until)
    ? `offline if none comes until ${timeText(site + until, site)}`
    : '';
  const sentence = 'No picture yet';
  return { kind: 'waiting', name: 'Waiting', sentence, detail: why || limit, hasFrame: false };
}

/** @param {number} sequence */
function broken(sequence) {
  const detail = 'its JPEG cannot be decoded';
  const sentence = `Frame ${sequence}`;
  return { kind: 'broken', name: 'Not a picture', sentence, detail, hasFrame: true };
}

/** @type {WeakMap<HTMLElement, string>} what each place shows */
const shown = new WeakMap();

/**
 * @param {HTMLElement} place
 * @param {Overlay | null} overlay
 */
export function showOverlay(place, overlay) {
  const key = JSON.stringify(overlay);
  if (key === (shown.get(place) ?? 'null')) return;
  shown.set(place, key);
  if (!overlay) {
    place.className = '';
    place.replaceChildren();
    return;
  }
  const lines = linesOf(overlay);
  const plate = isPlate(overlay);
  place.className = classOf(overlay, plate);
  place.replaceChildren(...(plate ? [el('div', {}, ...lines)] : lines));
}

/** @param {Overlay} overlay */
function linesOf({ kind, name, sentence, detail }) {
  const lines = [el('div.k', {}, icon(MARKS[kind]), name), el('div.s', {}, sentence)];
  if (detail) lines.push(el('div.x', {}, detail));
  return lines;
}

/**
 * Words on a plate, over the old picture; else in place of a picture.
 * @param {Overlay} overlay
 */
const isPlate = ({ kind, hasFrame }) =>
  ['stale', 'paused', 'broken'].includes(kind) || (kind === 'ended' && hasFrame);

/**
 * @param {Overlay} overlay
 * @param {boolean} plate
 */
function classOf({ kind }, plate) {
  if (plate) return kind === 'ended' ? 'plate quiet' : 'plate';
  return kind === 'offline' ? 'void' : 'void quiet';
}
