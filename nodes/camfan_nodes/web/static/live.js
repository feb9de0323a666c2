// The live page: all cameras at once, or one alone.

import { $ } from './dom.js';
import { Arrangement, keepAwake } from './live_arrangement.js';
import { addControls, addWallBehaviour } from './live_controls.js';
import { Messages } from './live_messages.js';
import { LivePage } from './live_page.js';
import { SoloView } from './live_solo.js';
import { Ticker } from './live_ticker.js';
import { WantedTiles } from './live_wanted.js';
import * as shell from './shell.js';

/** @param {LivePage} page */
function socketAddress(page) {
  const address = new URL('/ws', location.href);
  address.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:';
  address.search = page.tokenQuery;
  return address.href;
}

/**
 * @param {LivePage} page
 * @param {Arrangement} arrangement
 * @param {Ticker} ticker
 */
function followTheWindow(page, arrangement, ticker) {
  document.addEventListener('visibilitychange', () => {
    arrangement.wanted.send();
    if (document.hidden) return;
    page.send({ type: 'retry' });
    ticker.tick();
  });
  addEventListener('online', () => page.send({ type: 'retry' }));
  addEventListener('resize', () => arrangement.update());
  new ResizeObserver(() => {
    if (page.hello) arrangement.update(); // the banner takes room from the pictures
  }).observe($('#banner'));
}

function startKiosk() {
  document.body.classList.add('wall', 'kiosk');
  document.documentElement.dataset.theme ??= 'dark';
  keepAwake();
}

const worker = new Worker('/static/connection_worker.js', { type: 'module' });
const page = new LivePage(worker, new URLSearchParams(location.search));
const arrangement = new Arrangement(page, new WantedTiles(page));
const ticker = new Ticker(page);
const solo = new SoloView(page, arrangement, ticker);
new Messages(page, arrangement, solo, ticker);

shell.start();
if (page.kiosk) startKiosk();
else addControls(page, arrangement, solo);
addWallBehaviour(page);
followTheWindow(page, arrangement, ticker);
page.send({ type: 'open', url: socketAddress(page) });
ticker.start();
