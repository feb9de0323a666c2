// What the live page says of all its cameras together, in words.

import { MARK, RANK, TONE, isLive } from './camera_observer.js';
import { titleOf } from './camera_titles.js';
import { $, el, icon, setText } from './dom.js';
import { update } from './dom_update.js';
import { eventList } from './event_list.js';
import { pageTitle, showNeeds } from './shell.js';
import { liveText, timeText } from './words.js';

/** @typedef {import('./tile.js').Tile} Tile */
/** @typedef {{ at: number, next: number }} Lost since when, and when the next attempt is made */
/** @typedef {{ words: string, tone?: string, mark?: string, value?: string }} Part */

const EVENTS = 8;

/**
 * The head of the page: how many cameras are live, and how many are not.
 * @param {Tile[]} tiles
 * @param {{ lost: Lost | null, solo: string | null, oldest: number | null }} page
 */
export function showSentence(tiles, { lost, solo, oldest }) {
  const live = tiles.filter(tile => tile.isLive).length;
  const text = lost ? `0 of ${tiles.length} live` : liveText(live, tiles.length);
  setText($('h1'), solo ? titleOf(solo) : text);
  setText($('.wl'), text);
  const title = pageTitle(solo ? titleOf(solo) : text);
  if (document.title !== title) document.title = title;
  const parts = lost ? [{ words: 'The cameras may still be recording' }] : summary(tiles, oldest);
  update($('.sum'), ...parts.map(partNode));
}

/**
 * @param {Tile[]} tiles
 * @param {number | null} oldest ms
 */
function summary(tiles, oldest) {
  /** @type {Part[]} */
  const parts = [];
  for (const name of RANK.filter(state => !isLive(state))) {
    const count = tiles.filter(
      tile => (tile.seen ? tile.state : tile.summary.state) === name,
    ).length;
    if (count) {
      parts.push({ words: `${count} ${name}`, tone: TONE[name], mark: TONE[name] && MARK[name] });
    }
  }
  if (oldest !== null) {
    const value =
      oldest < 1000 ? `${Math.round(oldest / 10) * 10} ms` : `${(oldest / 1000).toFixed(1)} s`;
    parts.push({ words: 'Oldest live picture ', value });
  }
  return parts;
}

/** @param {Part} part */
function partNode({ words, tone, mark, value }) {
  return el(
    tone ? `li.${tone}` : 'li',
    {},
    mark && icon(mark),
    tone ? el('b', {}, words) : words,
    value && el('b', {}, value),
  );
}

/**
 * Why no camera here is live, if that is so; or which cameras of a wall do not exist.
 * @param {number} now
 * @param {{ lost: Lost | null, siteState: Server.SiteState | null, unknown?: string }} page
 */
export function showBanner(now, { lost, siteState, unknown = '' }) {
  const place = $('#banner');
  const [text, soft] = bannerText(now, lost, siteState, unknown);
  place.hidden = !text;
  setText($('b', place), text);
  setText($('.soft', place), soft);
  $('.link', place).hidden = !lost;
}

/**
 * @param {number} now
 * @param {Lost | null} lost
 * @param {Server.SiteState | null} siteState
 * @param {string} unknown
 */
function bannerText(now, lost, siteState, unknown) {
  if (lost) {
    const s = Math.max(0, Math.ceil((lost.next - now) / 1000));
    const again = s > 0 ? `in ${s} s` : 'now';
    const text = `This page lost the server at ${timeText(lost.at, now)}.`;
    return [text, `Every picture here is old. Trying again ${again}.`];
  }
  if (siteState && !siteState.connected) {
    return ['The broker does not answer.', 'No picture here is live until it does.'];
  }
  return [unknown, unknown && 'The address of this page names it.'];
}

/**
 * The list beside the pictures: what needs attention, and recent events.
 * @param {number} now
 * @param {Server.SiteState} siteState
 */
export function showNow(now, { needs, lately, cameras }) {
  showNeeds(needs.length);
  const items = needs.map(text =>
    el('li', {}, icon('warn', 'warn'), el('span', {}, el('b', {}, text))),
  );
  const nothing = el('li', {}, icon('check', 'soft'), el('span.soft', {}, 'Nothing'));
  update($('#needs-list'), ...(items.length ? items : [nothing]));
  const moving = (/** @type {string} */ camera) => cameras[camera]?.moving ?? false;
  update($('#lately-list'), ...eventList(lately.slice(0, EVENTS), now, moving));
}
