// What the live page says of all its cameras together, in words.

import { $, el, icon, setText, update } from './dom.js';
import { lately } from './event_list.js';
import { titleOf } from './camera_titles.js';
import * as shell from './shell.js';
import { MARK, RANK, TONE, isLive } from './camera_observer.js';
import { liveText, timeText } from './words.js';

/** The head of the page: how many are live, and what is not. */
export function sentence(all, { lost, solo, oldest }) {
  const live = lost ? 0 : all.filter(tile => tile.isLive).length;
  const text = lost ? `0 of ${all.length} live` : liveText(live, all.length);
  setText($('h1'), solo ? titleOf(solo) : text);
  setText($('.wl'), text);
  document.title = shell.pageTitle(solo ? titleOf(solo) : text);
  const parts = [];
  if (lost) parts.push(['', 'The cameras may still be recording']);
  else {
    for (const name of RANK.filter(state => !isLive(state))) {
      const count = all.filter(tile => (tile.seen ? tile.state : tile.site.state) === name).length;
      if (count) parts.push([TONE[name] ?? '', `${count} ${name}`, TONE[name] ? MARK[name] : '']);
    }
    if (oldest !== null)
      parts.push([
        '',
        'Oldest live picture ',
        '',
        oldest < 1000 ? `${Math.round(oldest / 10) * 10} ms` : `${(oldest / 1000).toFixed(1)} s`,
      ]);
  }
  const key = JSON.stringify(parts);
  if (key === sentence.key) return;
  sentence.key = key;
  update(
    $('.sum'),
    ...parts.map(([tone, words, mark, value]) =>
      el(
        tone ? `li.${tone}` : 'li',
        {},
        mark ? icon(mark) : null,
        tone ? el('b', {}, words) : words,
        value ? el('b', {}, value) : null,
      ),
    ),
  );
}

/** Why nothing here is live, if that is so; or which cameras of a wall do not exist. */
export function banner(now, { lost, state, unknown = '' }) {
  const place = $('#banner');
  let text = '',
    soft = '';
  if (lost) {
    const s = Math.max(0, Math.ceil((lost.next - now) / 1000));
    text = `This page lost the server at ${timeText(lost.at, now)}.`;
    soft = `Every picture here is old. Trying again ${s > 0 ? `in ${s} s` : 'now'}.`;
  } else if (state && !state.connected) {
    text = 'The broker does not answer.';
    soft = 'No picture here is live until it does.';
  } else if (unknown) {
    text = unknown;
    soft = 'The address of this page names it.';
  }
  place.hidden = !text;
  setText($('b', place), text);
  setText($('.soft', place), soft);
  $('.link', place).hidden = !lost;
}

/** The list beside the pictures: what needs somebody, and what happened lately. */
export function fillNow(now, state) {
  const needs = state.needs.map(text =>
    el('li', {}, icon('warn', 'warn'), el('span', {}, el('b', {}, text))),
  );
  shell.needs(state.needs.length);
  update(
    $('#needs-list'),
    ...(needs.length
      ? needs
      : [el('li', {}, icon('check', 'soft'), el('span.soft', {}, 'Nothing'))]),
  );
  update(
    $('#lately-list'),
    ...lately(state.lately.slice(0, 8), now, camera => state.cameras[camera]?.moving),
  );
}
