// Small helpers for the page: elements without markup in strings, so nothing can be injected.

const SVG = 'http://www.w3.org/2000/svg';

/** el('p.soft', {title: '…'}, 'text', child, …) */
export function el(what, attributes = {}, ...children) {
  const [tag, ...classes] = what.split('.');
  const node = document.createElement(tag || 'div');
  if (classes.length) node.className = classes.join(' ');
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, '');
    else if (value !== false && value !== null && value !== undefined)
      node.setAttribute(name, value);
  }
  node.append(...children.filter(child => child !== null && child !== undefined));
  return node;
}

/** The icons become a part of the page, so that each is there when the server is not. */
async function loadIcons() {
  try {
    const answer = await fetch('/static/icons.svg');
    const sheet = document.importNode(
      new DOMParser().parseFromString(await answer.text(), 'image/svg+xml').documentElement,
      true,
    );
    sheet.setAttribute('hidden', '');
    document.body.append(sheet);
    for (const use of document.querySelectorAll('use[href^="/static/icons.svg#"]'))
      use.setAttribute('href', use.getAttribute('href').replace('/static/icons.svg', ''));
  } catch {
    /* words stand beside each icon */
  }
}
loadIcons();

export function icon(name, more = '') {
  const svg = document.createElementNS(SVG, 'svg'),
    use = document.createElementNS(SVG, 'use');
  svg.setAttribute('class', `ic ${more}`.trim());
  svg.setAttribute('aria-hidden', 'true');
  svg.setAttribute('viewBox', '0 0 20 20');
  use.setAttribute('href', `#i-${name}`);
  svg.append(use);
  return svg;
}

/** Sets what differs, so that nothing is laid out again for nothing. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
export function setData(node, name, value) {
  if (value === null) {
    if (name in node.dataset) delete node.dataset[name];
  } else if (node.dataset[name] !== value) node.dataset[name] = value;
}

/** Makes a node hold these children, changing only what differs from those it has. So focus, selection, scrolling,
    open menus and what is half typed stay. Children with data-key are known by it, others by their place; one of
    them that is gone stays at the end while it has the focus. */
export function update(node, ...children) {
  const wanted = children
    .filter(child => child !== null && child !== undefined)
    .map(child => (child instanceof Node ? child : document.createTextNode(child)));
  const old = [...node.childNodes],
    keyed = new Map(old.filter(one => one.dataset?.key).map(one => [one.dataset.key, one]));
  const plain = old.filter(one => !one.dataset?.key);
  const found = wanted.map(child => {
    const key = child.dataset?.key,
      same = key ? keyed.get(key) : plain.shift();
    keyed.delete(key);
    return same?.nodeName === child.nodeName ? match(same, child) : child;
  });
  found.push(...[...keyed.values()].filter(one => one.contains(document.activeElement)));
  const kept = new Set(found);
  for (const one of old) if (!kept.has(one)) one.remove();
  const inUse =
    document.activeElement === document.body ? getSelection()?.anchorNode : document.activeElement;
  let next = null; // whatever is in use is not moved: the others are moved around it
  for (const one of found.reverse()) {
    if (one.parentNode !== node || (one.nextSibling !== next && !one.contains(inUse)))
      node.insertBefore(one, next);
    next = one;
  }
}

function match(old, wanted) {
  if (old.isEqualNode(wanted)) return old;
  if (!(old instanceof Element)) {
    old.data = wanted.data;
    return old;
  }
  for (const name of old.getAttributeNames())
    if (!wanted.hasAttribute(name) && name !== 'open') old.removeAttribute(name);
  for (const name of wanted.getAttributeNames())
    if (old.getAttribute(name) !== wanted.getAttribute(name))
      old.setAttribute(name, wanted.getAttribute(name));
  update(old, ...wanted.childNodes);
  return old;
}
export const $ = (selector, root = document) => root.querySelector(selector);

/** The answer to something that was done here; an error stays until it is closed. */
export function toast(text, { bad = false } = {}) {
  const place = $('.toasts') ?? document.body.appendChild(el('div.toasts', { role: 'status' }));
  const one = el(
    'div.toast',
    {},
    icon(bad ? 'warn' : 'check', bad ? 'bad' : ''),
    el('p', {}, text),
    el('button.icon-btn', { 'aria-label': 'Close', onclick: () => one.remove() }, icon('close')),
  );
  place.append(one);
  if (!bad) {
    let timer = setTimeout(() => one.remove(), 6000);
    const hold = () => clearTimeout(timer),
      go = () => {
        timer = setTimeout(() => one.remove(), 3000);
      };
    one.addEventListener('pointerenter', hold);
    one.addEventListener('pointerleave', go);
    one.addEventListener('focusin', hold);
    one.addEventListener('focusout', go);
  }
}

const PATIENCE = 5000; // ms, for an answer of the API

/** JSON from the API; throws an Error whose message can be shown. 401 leads to the login page. */
export async function api(path, options = {}) {
  let answer, text;
  try {
    answer = await fetch(path, {
      cache: 'no-store',
      signal: AbortSignal.timeout(PATIENCE),
      ...options,
    });
    text = await answer.text();
  } catch {
    throw new Error('The server does not answer.');
  }
  if (answer.status === 401) {
    toLogin();
    throw new Error('You are not signed in any more.');
  }
  if (!answer.ok) throw new Error(text.trim() || `The server answers ${answer.status}.`);
  return JSON.parse(text);
}

export const post = (path, body) =>
  api(path, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  });

let leaving = false;

/** Once: a second navigation would break off the first. */
export function leave(address) {
  if (leaving) return;
  leaving = true;
  location.href = address;
}

export function toLogin() {
  if (!location.pathname.startsWith('/login'))
    leave(`/login?to=${encodeURIComponent(location.pathname + location.search)}`);
}
