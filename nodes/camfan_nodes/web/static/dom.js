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
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.filter(child => child !== null && child !== undefined));
  return node;
}

export function icon(name, more = '') {
  const svg = document.createElementNS(SVG, 'svg'), use = document.createElementNS(SVG, 'use');
  svg.setAttribute('class', `ic ${more}`.trim());
  svg.setAttribute('aria-hidden', 'true');
  svg.setAttribute('viewBox', '0 0 20 20');
  use.setAttribute('href', `/static/icons.svg#i-${name}`);
  svg.append(use);
  return svg;
}

/** Sets what differs, so that nothing is laid out again for nothing. */
export function setText(node, text) { if (node.textContent !== text) node.textContent = text; }
export function setData(node, name, value) {
  if (value === null) { if (name in node.dataset) delete node.dataset[name]; } else if (node.dataset[name] !== value) node.dataset[name] = value;
}
export const $ = (selector, root = document) => root.querySelector(selector);

/** The answer to something that was done here; an error stays until it is closed. */
export function toast(text, { bad = false } = {}) {
  const place = $('.toasts') ?? document.body.appendChild(el('div.toasts', { role: 'status' }));
  const one = el('div.toast', {}, icon(bad ? 'warn' : 'check', bad ? 'bad' : ''), el('p', {}, text),
    el('button.icon-btn', { 'aria-label': 'Close', onclick: () => one.remove() }, icon('close')));
  place.append(one);
  if (!bad) {
    let timer = setTimeout(() => one.remove(), 6000);
    const hold = () => clearTimeout(timer), go = () => { timer = setTimeout(() => one.remove(), 3000); };
    one.addEventListener('pointerenter', hold); one.addEventListener('pointerleave', go);
    one.addEventListener('focusin', hold); one.addEventListener('focusout', go);
  }
}

/** JSON from the API; throws an Error whose message can be shown. 401 leads to the login page. */
export async function api(path, options = {}) {
  let answer;
  try { answer = await fetch(path, { cache: 'no-store', ...options }); } catch { throw new Error('The server does not answer.'); }
  if (answer.status === 401) { toLogin(); throw new Error('You are not signed in any more.'); }
  if (!answer.ok) throw new Error((await answer.text()).trim() || `The server answers ${answer.status}.`);
  return answer.json();
}

export const post = (path, body) => api(path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });

export function toLogin() {
  if (!location.pathname.startsWith('/login')) location.href = `/login?to=${encodeURIComponent(location.pathname + location.search)}`;
}
