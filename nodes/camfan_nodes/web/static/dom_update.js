// Changes a part of the page into what it should be, without touching what is equal.

/** @typedef {import('./dom.js').Child} Child */

/**
 * Makes a node hold these children, changing only what differs. So focus, selection, scroll
 * position, open menus and half-typed text stay.
 *
 * A child with data-key is matched by its key, others by their position; a keyed child that is gone
 * stays at the end while it has the focus.
 * @param {Node} node
 * @param {...Child} children
 */
export function update(node, ...children) {
  const old = [...node.childNodes];
  const found = matchAll(old, nodesOf(children));
  const kept = new Set(found);
  for (const one of old) if (!kept.has(one)) one.remove();
  place(node, found);
}

/**
 * @param {Child[]} children
 * @returns {Node[]}
 */
function nodesOf(children) {
  return children
    .filter(child => child !== null && child !== undefined)
    .map(child => (child instanceof Node ? child : document.createTextNode(String(child))));
}

/**
 * Each wanted node, or the old one that was changed into it.
 * @param {ChildNode[]} old
 * @param {Node[]} wanted
 * @returns {Node[]}
 */
function matchAll(old, wanted) {
  /** @type {Map<string, Node>} */
  const keyed = new Map();
  /** @type {Node[]} */
  const plain = [];
  for (const one of old) {
    const key = keyOf(one);
    if (key) keyed.set(key, one);
    else plain.push(one);
  }
  const found = wanted.map(child => {
    const key = keyOf(child);
    const same = key ? keyed.get(key) : plain.shift();
    if (key) keyed.delete(key);
    return same?.nodeName === child.nodeName ? match(same, child) : child;
  });
  return [...found, ...[...keyed.values()].filter(one => one.contains(document.activeElement))];
}

/**
 * @param {Node} node
 * @returns {string | undefined}
 */
const keyOf = node => (node instanceof HTMLElement ? node.dataset.key : undefined);

/**
 * Puts the nodes in order. The one in use is not moved: the others are moved around it.
 * @param {Node} parent
 * @param {Node[]} nodes
 */
function place(parent, nodes) {
  const active = document.activeElement;
  const inUse = active === document.body ? (getSelection()?.anchorNode ?? null) : active;
  /** @type {Node | null} */
  let next = null;
  for (const one of nodes.reverse()) {
    const misplaced = one.nextSibling !== next && !one.contains(inUse);
    if (one.parentNode !== parent || misplaced) parent.insertBefore(one, next);
    next = one;
  }
}

/**
 * @param {Node} old
 * @param {Node} wanted
 * @returns {Node}
 */
function match(old, wanted) {
  if (old.isEqualNode(wanted)) return old;
  if (!(old instanceof Element) || !(wanted instanceof Element)) {
    old.nodeValue = wanted.nodeValue;
    return old;
  }
  for (const name of old.getAttributeNames()) {
    if (!wanted.hasAttribute(name) && name !== 'open') old.removeAttribute(name);
  }
  for (const name of wanted.getAttributeNames()) {
    const value = wanted.getAttribute(name) ?? '';
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  update(old, ...wanted.childNodes);
  return old;
}
