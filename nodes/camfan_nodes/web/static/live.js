// The live page: which cameras are on it, in which order, what can be seen, and what is said of all.

import { $, api, el, setText, toLogin, toast } from './dom.js';
import { layout } from './grid.js';
import { learn, matches, titleOf } from './camera_titles.js';
import { drag, put } from './tile_order.js';
import { settings } from './camera_settings.js';
import * as shell from './shell.js';
import { Tile, pictureOf } from './tile.js';
import { banner, fillNow, sentence } from './live_summary.js';
import { isLive } from './camera_observer.js';
import { timeText } from './words.js';

const query = new URLSearchParams(location.search);
const kiosk = query.get('kiosk') === '1';
const asked = (query.get('cameras') ?? '').split(',').filter(Boolean);
const token = query.get('token');
const TICK = 250,
  WANT_AFTER = 120,
  SAY_EVERY = 5000,
  POINTER_HIDES = 3000; // ms

const grid = $('#grid'),
  nowList = $('.now');
const tiles = new Map(); // camera: Tile, all cameras of this page
let me = null,
  state = null,
  clock = null;
let lost = null; // { at, next } while the server is gone
let solo = null; // the camera that is shown alone
let pageNumber = 0,
  found = '',
  unknown = '',
  wall = kiosk;
let announceDue = 0,
  announcing = '';

const epoch = () => performance.timeOrigin + performance.now();
const siteNow = now => now + (clock?.offset ?? 0);
const storeKey = () => `order.${me.site}.${me.user}`;

// ---- the worker ----
const worker = new Worker('/static/connection_worker.js');
const tell = (message, transfer = []) => worker.postMessage(message, transfer);
const address = new URL('/ws', location.href);
address.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:';
if (token) address.searchParams.set('token', token);

const HEAR = {
  hello({ hello }) {
    const other = me && (me.site !== hello.site || shown(me) !== shown(hello));
    if (other) {
      location.reload();
      return;
    } // the site is another one now
    const first = !me;
    me = hello;
    learn(hello.titles);
    if (lost) {
      lost = null;
      const now = epoch();
      for (const tile of tiles.values()) {
        if (tile.seen) {
          tile.see(false, now);
          tile.onScreen && tile.see(true, now);
        }
      }
    }
    if (first) build();
    sendWant();
    tick();
  },
  state(message) {
    state = message.state;
    for (const [camera, said] of Object.entries(state.cameras)) {
      const tile = tiles.get(camera);
      tile?.told(said);
    }
    if (asked.length) state.lately = state.lately.filter(one => tiles.has(one.camera));
    fillNow(siteNow(epoch()), state);
  },
  clock(message) {
    clock = message.clock;
  },
  pictures({ pictures }) {
    for (const picture of pictures) tiles.get(picture.camera)?.painted(picture);
  },
  bitmap({ camera, bitmap }) {
    // where canvases cannot be handed to a worker
    tiles.get(camera)?.canvas.getContext('bitmaprenderer').transferFromImageBitmap(bitmap);
  },
  broken({ camera, sequence }) {
    const tile = tiles.get(camera);
    if (tile) tile.broken = sequence;
  },
  lost(message) {
    if (message.code === 4401) {
      toLogin();
      return;
    }
    lost ??= { at: message.heard || epoch() };
    lost.next = message.next;
    clock = null;
    api('/api/me' + (token ? `?token=${encodeURIComponent(token)}` : '')).catch(() => {}); // signed out meanwhile: to the login page
    tick();
  },
};
worker.onmessage = event => HEAR[event.data.type]?.(event.data);

// ---- what is on the page ----
function build() {
  shell.user(me);
  const all = Object.keys(me.cameras);
  const order = kiosk && asked.length ? asked : shell.stored.get(storeKey(), []);
  const known = order.filter(camera => all.includes(camera));
  const rest =
    kiosk && asked.length
      ? []
      : all.filter(camera => !known.includes(camera) && (!asked.length || asked.includes(camera)));
  const now = epoch();
  for (const camera of [...known, ...rest]) {
    const tile = new Tile(camera, now);
    tile.watch.times = me.intervals;
    add(tile);
  }
  const missing = asked.filter(camera => !all.includes(camera));
  unknown = missing.length ? `There is no camera ${missing.join(', ')} for you.` : '';
  if (unknown && !kiosk) toast(unknown, { bad: true });
  solo = tiles.has(hash()) ? hash() : null;
  arrange();
}

const shown = hello => JSON.stringify([Object.keys(hello.cameras), hello.titles]);
const hash = () => decodeURIComponent(location.hash.slice(1));

function add(tile) {
  tiles.set(tile.camera, tile);
  grid.append(tile.node);
  if (tile.canvas.transferControlToOffscreen) {
    const canvas = tile.canvas.transferControlToOffscreen();
    tell({ type: 'canvas', camera: tile.camera, canvas }, [canvas]);
  } else tell({ type: 'canvas', camera: tile.camera, canvas: null });
  tile.node.addEventListener('click', () => {
    if (!kiosk && !solo) open(tile.camera);
  });
  tile.node.draggable = !kiosk;
  drag(tile.node, tile.camera, move);
  watcher.observe(tile.node);
}

/** The tiles that have a place now: found by name, and on this page of the grid. */
function placed() {
  if (solo) return [tiles.get(solo)];
  const matching = inOrder().filter(tile => matches(tile.camera, found));
  const each = perPage();
  const pages = Math.max(1, Math.ceil(matching.length / each));
  pageNumber = Math.min(pageNumber, pages - 1);
  return matching.slice(pageNumber * each, (pageNumber + 1) * each);
}

const inOrder = () => [...grid.children].map(node => tiles.get(node.dataset.camera));
const perPage = () => (kiosk ? Infinity : Number($('#many').value) || 64);

function arrange() {
  const shown = new Set(placed());
  for (const tile of tiles.values()) tile.node.classList.toggle('off', !shown.has(tile));
  document.body.classList.toggle('solo', Boolean(solo));
  document.body.classList.toggle('wall', wall);
  document.body.classList.toggle('kiosk', kiosk);
  $('#solo-tools').hidden = !solo;
  $('#grid-tools').hidden = Boolean(solo);
  const paging = !solo && tiles.size > perPage();
  $('#pages').hidden = !paging;
  grid.setAttribute('aria-label', shown.size === 1 ? '1 camera' : `${shown.size} cameras`);
  const first = [...shown].find(tile => tile.node.tabIndex === 0) ?? [...shown][0];
  for (const tile of tiles.values()) tile.node.tabIndex = tile === first ? 0 : -1;
  layout(grid, nowList, shown.size, { wall, list: !solo });
  $('#none').hidden = shown.size > 0;
  if (me && !tiles.size)
    setText(
      $('#none'),
      'You may see no camera of this site. Its owner can change that in the site file.',
    );
  else if (found) setText($('#none'), `No camera has “${found.trim()}” in its name or title.`);
  wish();
}

// ---- what can be seen, and is therefore asked for ----
const watcher = new IntersectionObserver(
  entries => {
    for (const entry of entries)
      tiles.get(entry.target.dataset.camera).onScreen = entry.isIntersecting;
    wish();
  },
  { rootMargin: '8% 0px' },
);

let wantTimer = 0;
function wish() {
  clearTimeout(wantTimer);
  wantTimer = setTimeout(sendWant, WANT_AFTER);
}

function sendWant() {
  const now = epoch(),
    wanted = [];
  for (const tile of inOrder()) {
    const seen = !document.hidden && tile.onScreen && !tile.node.classList.contains('off');
    tile.see(seen, now);
    if (!seen || tile.paused !== null) continue;
    const width = solo
      ? null
      : Math.max(1, Math.round(pictureOf(tile).clientWidth * devicePixelRatio));
    wanted.push({ camera: tile.camera, width });
  }
  tell({ type: 'want', tiles: wanted });
}

document.addEventListener('visibilitychange', () => {
  sendWant();
  if (!document.hidden) {
    tell({ type: 'retry' });
    tick();
  }
});
addEventListener('online', () => tell({ type: 'retry' }));
addEventListener('resize', arrange);
new ResizeObserver(() => {
  if (me) arrange();
}).observe($('#banner')); // it takes room from the pictures

// ---- what is said, four times a second ----
function tick() {
  if (!me) {
    if (lost) banner(epoch(), { lost, state });
    return;
  }
  const now = epoch(),
    site = siteNow(now);
  const brokerAway = Boolean(state && !state.connected);
  const connected = !lost && !brokerAway;
  let oldest = null;
  for (const tile of tiles.values()) {
    if (!tile.seen) continue;
    const sentence = tile.show({ now, site, connected, lost: Boolean(lost), brokerAway });
    if (sentence) announcing = sentence;
    if (isLive(tile.state) && tile.worst.shown && (oldest === null || tile.worst.shown[0] > oldest))
      oldest = tile.worst.shown[0];
  }
  shell.clock(site, clock?.error ?? null);
  banner(now, { lost, state, unknown: kiosk ? unknown : '' });
  sentence([...tiles.values()], { lost, solo, oldest });
  if (announcing && now >= announceDue) {
    setText($('#said'), announcing);
    announcing = '';
    announceDue = now + SAY_EVERY;
  }
  if (wall) setText($('.wc b'), timeText(site, site));
}

// ---- one camera alone ----
function open(camera) {
  history.pushState(null, '', `#${encodeURIComponent(camera)}`);
  goTo(camera);
}

function goTo(camera) {
  if (solo) setPaused(tiles.get(solo), false);
  const before = solo;
  solo = tiles.has(camera) ? camera : null;
  $('#set').hidden = !solo || me.role === 'viewer';
  arrange();
  const tile = tiles.get(solo ?? before);
  if (tile) focus(tile);
  tick();
}
addEventListener('popstate', () => {
  if (me) goTo(hash());
});
const back = () => {
  if (solo) history.length > 1 ? history.back() : (location.hash = '');
};

function setPaused(tile, paused) {
  tile.paused = paused && isLive(tile.look?.state) ? siteNow(epoch()) : null;
  if (tile.paused === null) tile.see(false, epoch());
  setText($('#pause span'), tile.paused === null ? 'Pause' : 'Go on');
  sendWant();
  tick();
}

async function save(camera) {
  try {
    const extra = token ? `&token=${encodeURIComponent(token)}` : '';
    const answer = await fetch(`/snapshot/${encodeURIComponent(camera)}.jpg?max_age=10${extra}`, {
      cache: 'no-store',
    });
    if (!answer.ok) throw new Error((await answer.text()).trim());
    const taken = new Date(Number(answer.headers.get('X-Timestamp')) * 1000);
    const link = el('a', {
      href: URL.createObjectURL(await answer.blob()),
      download: `${camera} ${taken.toISOString().replace(/:/g, '-').slice(0, 19)}Z.jpg`,
    });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    toast(`Saved the picture of ${titleOf(camera)} of ${timeText(taken.getTime())}.`);
  } catch (error) {
    toast(error.message || 'The server does not answer.', { bad: true });
  }
}

function move(moved, other) {
  put(moved, other);
  shell.stored.set(
    storeKey(),
    inOrder().map(tile => tile.camera),
  );
  arrange();
}

// ---- keyboard ----
/** Where the grid is entered from elsewhere on the page: at the tile that was left last. */
function entry() {
  const shown = inOrder().filter(tile => !tile.node.classList.contains('off'));
  return shown.find(tile => tile.node.tabIndex === 0) ?? shown[0];
}

function focus(tile) {
  for (const one of tiles.values()) one.node.tabIndex = one === tile ? 0 : -1;
  tile.node.focus();
}

grid.addEventListener('keydown', event => {
  if (kiosk) return;
  const shown = inOrder().filter(tile => !tile.node.classList.contains('off'));
  const at = shown.findIndex(tile => tile.node === document.activeElement);
  if (at < 0) return;
  const columns = getComputedStyle(grid).gridTemplateColumns.split(' ').length;
  const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns }[event.key];
  if (step && solo) {
    const all = inOrder(),
      next = all[(all.indexOf(shown[at]) + Math.sign(step) + all.length) % all.length];
    history.replaceState(null, '', `#${encodeURIComponent(next.camera)}`);
    goTo(next.camera);
    event.preventDefault();
    return;
  }
  if (step && shown[at + step]) {
    event.preventDefault();
    if (event.shiftKey) {
      move(shown[at].node, shown[at + step].node);
      focus(shown[at]);
    } else focus(shown[at + step]);
  } else if (event.key === 'Enter' && !solo) {
    event.preventDefault();
    open(shown[at].camera);
  }
});

function setWall(on) {
  wall = on;
  if (on) wake();
  arrange();
}

function current() {
  return solo ?? tiles.get(document.activeElement?.dataset?.camera)?.camera;
}

function keys() {
  shell.onKey('w', () => setWall(!wall));
  shell.onKey('f', fullScreen);
  shell.onKey('Escape', () => {
    if (solo) back();
    else if (wall) setWall(false);
    else return false;
  });
  shell.onKey(' ', () => {
    if (!solo) return false;
    setPaused(tiles.get(solo), tiles.get(solo).paused === null);
  });
  shell.onKey('s', () => {
    const camera = current();
    if (!camera) return false;
    save(camera);
  });
  for (const key of ['ArrowLeft', 'ArrowRight', 'ArrowUp', 'ArrowDown'])
    shell.onKey(key, () => {
      const first = entry();
      if (first) focus(first);
      else return false;
    });
  shell.onKey('/', () => {
    if (solo) back();
    $('#find').focus();
  });
  shell.onKey('n', () => {
    const shown = inOrder().filter(tile => !tile.node.classList.contains('off'));
    const at = shown.findIndex(tile => tile.node === document.activeElement);
    const next = [...shown.slice(at + 1), ...shown.slice(0, at + 1)].find(tile =>
      ['offline', 'stale', 'late'].includes(tile.state),
    );
    if (next) focus(next);
  });
  shell.onKey('PageDown', () => {
    if ($('#pages').hidden) return false;
    turn(1);
  });
  shell.onKey('PageUp', () => {
    if ($('#pages').hidden) return false;
    turn(-1);
  });
}

function turn(step) {
  pageNumber = Math.max(0, pageNumber + step);
  arrange();
  scrollTo(0, 0);
}
function fullScreen() {
  if (document.fullscreenElement) document.exitFullscreen();
  else document.documentElement.requestFullscreen?.().catch(() => {});
}

async function wake() {
  try {
    await navigator.wakeLock?.request('screen');
  } catch {
    /* the screen may sleep then */
  }
}

let pointerTimer = 0;
addEventListener('pointermove', () => {
  document.body.classList.remove('still');
  clearTimeout(pointerTimer);
  if (wall) pointerTimer = setTimeout(() => document.body.classList.add('still'), POINTER_HIDES);
});

function controls() {
  $('#wall').addEventListener('click', () => setWall(true));
  $('#full').addEventListener('click', fullScreen);
  $('#back').addEventListener('click', back);
  $('#pause').addEventListener('click', () =>
    setPaused(tiles.get(solo), tiles.get(solo).paused === null),
  );
  $('#save').addEventListener('click', () => save(solo));
  $('#set').addEventListener('click', () => settings(solo, titleOf(solo)));
  $('#banner .link').addEventListener('click', () => tell({ type: 'retry' }));
  $('#find').addEventListener('input', event => {
    found = event.target.value;
    pageNumber = 0;
    arrange();
  });
  $('#find').addEventListener('keydown', event => {
    const first = entry();
    if (event.key === 'Escape') {
      event.target.value = found = '';
      arrange();
      event.target.blur();
    } else if ((event.key === 'Enter' || event.key === 'ArrowDown') && first) {
      event.preventDefault();
      const only = placed().length === 1;
      if (event.key === 'Enter' && only) open(first.camera);
      else focus(first);
    }
  });
  const many = $('#many');
  many.value = shell.stored.get('many', '0');
  many.addEventListener('change', () => {
    shell.stored.set('many', many.value);
    pageNumber = 0;
    arrange();
  });
  $('#pages .prev').addEventListener('click', () => turn(-1));
  $('#pages .next').addEventListener('click', () => turn(1));
}

shell.start();
if (!kiosk) {
  keys();
  controls();
} else {
  document.body.classList.add('wall', 'kiosk');
  if (!document.documentElement.dataset.theme) document.documentElement.dataset.theme = 'dark';
  wake();
}
document.addEventListener('visibilitychange', () => {
  if (wall && !document.hidden) wake();
});
tell({ type: 'open', url: address.href });
setInterval(tick, TICK);
