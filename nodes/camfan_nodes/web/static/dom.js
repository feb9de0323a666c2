// Small helpers for the page: elements without markup in strings, so nothing can be injected.

/** @typedef {Node | string | null | undefined} Child null and undefined are left out */
/** @typedef {Record<string, unknown>} Attributes `onNAME` is a listener; null and false: none */

const SVG = 'http://www.w3.org/2000/svg';
const ICONS = '/static/icons.svg';

/**
 * The element, which the page certainly has. Throws an Error if it has not.
 * @template {HTMLElement} [T=HTMLElement]
 * @param {string} selector
 * @param {ParentNode} root
 * @returns {T}
 */
export function $(selector, root = document) {
  const found = root.querySelector(selector);
  if (!found) throw new Error(`the page has no ${selector}`);
  return /** @type {T} */ (found);
}

/**
 * The element, or null.
 * @param {string} selector
 * @param {ParentNode} root
 * @returns {HTMLElement | null}
 */
export const find = (selector, root = document) => root.querySelector(selector);

/**
 * An input field that the page certainly has.
 * @param {string} selector
 * @returns {HTMLInputElement}
 */
export const input = selector => $(selector);

/**
 * el('p.soft', {title: '…'}, 'text', child, …)
 * @param {string} what tag and classes
 * @param {Attributes} attributes
 * @param {...Child} children
 * @returns {HTMLElement}
 */
export function el(what, attributes = {}, ...children) {
  const [tag, ...classes] = what.split('.');
  const node = document.createElement(tag || 'div');
  if (classes.length) node.className = classes.join(' ');
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) {
      node.addEventListener(name.slice(2), /** @type {EventListener} */ (value));
    } else if (value === true) node.setAttribute(name, '');
    else if (value !== false && value !== null && value !== undefined) {
      node.setAttribute(name, String(value));
    }
  }
  node.append(...given(children));
  return node;
}

/**
 * @param {Child[]} children
 * @returns {(Node | string)[]}
 */
function given(children) {
  return /** @type {(Node | string)[]} */ (
    children.filter(child => child !== null && child !== undefined)
  );
}

/** Icons become a part of the page, so that each is shown without the server, too. */
export async function loadIcons() {
  try {
    const text = await (await fetch(ICONS)).text();
    const sheet = new DOMParser().parseFromString(text, 'image/svg+xml').documentElement;
    const own = document.importNode(sheet, true);
    own.setAttribute('hidden', '');
    document.body.append(own);
    for (const use of document.querySelectorAll(`use[href^="${ICONS}#"]`)) {
      use.setAttribute('href', (use.getAttribute('href') ?? '').replace(ICONS, ''));
    }
  } catch {
    /* a word stands beside each icon */
  }
}

/**
 * @param {string} name
 * @param {string} more classes
 */
export function icon(name, more = '') {
  const svg = document.createElementNS(SVG, 'svg');
  const use = document.createElementNS(SVG, 'use');
  svg.setAttribute('class', `ic ${more}`.trim());
  svg.setAttribute('aria-hidden', 'true');
  svg.setAttribute('viewBox', '0 0 20 20');
  use.setAttribute('href', `#i-${name}`);
  svg.append(use);
  return svg;
}

/**
 * Sets a text only if it differs: an equal one would cause a layout for nothing.
 * @param {Node} node
 * @param {string} text
 */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/**
 * The same for a data attribute; null removes it.
 * @param {HTMLElement} node
 * @param {string} name
 * @param {string | null} value
 */
export function setData(node, name, value) {
  if (value === null) {
    if (name in node.dataset) delete node.dataset[name];
  } else if (node.dataset[name] !== value) node.dataset[name] = value;
}
