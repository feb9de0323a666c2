// The site page: what is wrong first, then every camera, node and page in figures.

import { isNormal } from './camera_observer.js';
import { setTitles } from './camera_titles.js';
import { $, el, find, icon, input, setText } from './dom.js';
import { update } from './dom_update.js';
import { eventList } from './event_list.js';
import { onKey } from './keyboard.js';
import { api, messageOf } from './server_api.js';
import * as shell from './shell.js';
import * as tables from './site_tables.js';
import { timeText } from './words.js';

const EVERY = 2000; // ms
const TIMEOUT = 3000; // ms
const CLOCK_EVERY = 500; // ms

const page = {
  /** @type {Server.Overview | null} the last answer */
  site: null,
  canSet: false,
  /** @type {number | null} since when the server does not answer */
  lostAt: null,
  /** @type {{ offset: number, error: number } | null} of the site's clock, ms */
  clock: null,
};

/** @param {string} path */
const fetchJson = path => api(path, { signal: AbortSignal.timeout(TIMEOUT) });

async function refresh() {
  const asked = Date.now();
  try {
    const paths = ['/api/status', '/api/clients', '/api/events?limit=20'];
    const [site, { clients }, { events }] = await Promise.all(paths.map(fetchJson));
    page.site = site;
    page.lostAt = null;
    page.clock = clockOf(site, asked, Date.now());
    show(site);
    tables.showClients(clients);
    update($('#lately-list'), ...eventList(events, site.time));
  } catch (error) {
    page.lostAt ??= Date.now();
    page.clock = null;
    showLost(page.lostAt, messageOf(error));
  }
}

/**
 * @param {Server.Overview} site
 * @param {number} asked
 * @param {number} answered
 */
function clockOf({ time, time_error: error }, asked, answered) {
  if (error === null) return null;
  const half = (answered - asked) / 2;
  return { offset: time - asked - half, error: error + half };
}

/** @param {Server.Overview} site */
function show(site) {
  setTitles(Object.fromEntries(site.cameras.map(one => [one.name, one.title])));
  $('#banner').hidden = true;
  $('#site').hidden = false;
  showNeeds(site);
  tables.showHops(site.hops);
  tables.showReaders(site);
  tables.showCameras(site.cameras, page);
  tables.showNodes(site.nodes);
  tables.showRecorders(site.nodes);
}

/** @param {Server.Overview} site */
function showNeeds(site) {
  const { needs, sentence, nodes } = site;
  const items = needs.map(text =>
    el('li', {}, icon('warn', 'warn'), el('div', {}, el('b', {}, `${text}.`))),
  );
  update($('#todo'), ...items);
  const heading = headingOf(site);
  setText($('h1'), heading);
  document.title = shell.pageTitle(heading);
  shell.showNeeds(needs.length);
  update(
    $('.sum'),
    el('li', {}, el('b', {}, String(nodes.length)), 'nodes'),
    heading === sentence ? null : el('li', {}, sentence),
    el('li.desk', {}, `camfan ${site.camfan}`),
  );
}

/** @param {Server.Overview} site */
function headingOf({ needs, connected, sentence, cameras }) {
  if (needs.length === 1) return '1 thing needs attention';
  if (needs.length) return `${needs.length} things need attention`;
  if (!connected) return 'The broker does not answer';
  return cameras.every(one => isNormal(one.state)) ? 'All is well' : sentence;
}

/**
 * @param {number} since
 * @param {string} why
 */
function showLost(since, why) {
  const heading = 'The server does not answer';
  $('#banner').hidden = false;
  setText($('#banner b'), `This page lost the server at ${timeText(since)}.`);
  setText($('#banner .soft'), `${why} Every figure here is of that time.`);
  setText($('h1'), heading);
  document.title = shell.pageTitle(heading);
}

async function refreshForEver() {
  if (!document.hidden) await refresh();
  setTimeout(refreshForEver, EVERY);
}

function showCameras() {
  if (page.site) tables.showCameras(page.site.cameras, page);
}

function addSearch() {
  const field = input('#find');
  field.addEventListener('input', showCameras);
  field.addEventListener('keydown', event => {
    if (event.key === 'Escape') {
      field.value = '';
      showCameras();
      field.blur();
    } else if (event.key === 'Enter') find('#cameras tbody :is(button,a)')?.focus();
  });
  onKey('/', () => field.focus());
}

async function start() {
  shell.start();
  addSearch();
  setInterval(() => {
    const { clock } = page;
    shell.showClock(Date.now() + (clock?.offset ?? 0), clock?.error ?? null);
  }, CLOCK_EVERY);
  try {
    page.canSet = (await shell.fetchUser()).role !== 'viewer';
  } catch {
    /* the page says that the server does not answer */
  }
  refreshForEver();
}

start();
