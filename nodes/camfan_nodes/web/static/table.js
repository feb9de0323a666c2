// Tables of the site page: rows with keys, so that an update keeps focus and selection.

import { el, icon } from './dom.js';
import { update } from './dom_update.js';
import { UNKNOWN, countText } from './words.js';

/** @typedef {import('./dom.js').Child} Child */
/** @typedef {[content: Child, classes?: string]} Cell classes as '.num.desk' */
/** @typedef {{ key: string | number, cells: Cell[] }} Row */

/**
 * @param {HTMLElement} node a table
 * @param {Cell[]} head
 * @param {Row[]} rows
 * @param {string} empty the sentence for a table without rows
 */
export function fillTable(node, head, rows, empty) {
  if (!rows.length) {
    update(node, el('tbody', {}, el('tr', {}, el('td.soft', {}, empty))));
    return;
  }
  const headings = head.map(([text, classes = '']) => el(`th${classes}`, { scope: 'col' }, text));
  const lines = rows.map(({ key, cells }) =>
    el(
      'tr',
      { 'data-key': key },
      ...cells.map(([content, classes = '']) => el(`td${classes}`, {}, content)),
    ),
  );
  update(node, el('thead', {}, el('tr', {}, ...headings)), el('tbody', {}, ...lines));
}

export const unknown = () => el('span.dim', {}, UNKNOWN);

/**
 * A count; zero is dim, and unknown is not zero.
 * @param {number | null} number
 * @param {string} tone of a count that is not zero
 */
export function counted(number, tone = '') {
  if (number === null) return unknown();
  if (!number) return el('span.dim', {}, countText(number));
  return el(tone ? `b.${tone}` : 'span', {}, countText(number));
}

/**
 * A word with an icon.
 * @param {string} text
 * @param {string | undefined} tone
 * @param {string | undefined} mark
 */
export function badge(text, tone, mark) {
  return el(`span.bd${tone ? `.${tone}` : ''}`, {}, mark ? icon(mark) : null, el('span', {}, text));
}
