// The connection worker: the one WebSocket of a page, the site's clock, and the decoding.
//
// Frames go from the socket to a canvas without touching the page's own thread. Each is
// acknowledged when it is painted, so the server never sends more than this machine can show.

import { Acknowledgements } from './acknowledgements.js';
import { epoch } from './epoch.js';
import { readHeader } from './frame_header.js';
import { FramePainter } from './frame_painter.js';
import { ServerConnection } from './server_connection.js';
import { SiteClock } from './site_clock.js';

/** @typedef {import('./worker_messages.js').FromWorker} FromWorker */
/** @typedef {import('./worker_messages.js').ToWorker} ToWorker */

const FIRST_PROBES = 5; // before the first frame is asked for
const PROBE_EVERY = 2000; // ms
const PROBE_UNKNOWN = 200; // ms: the server does not know the site's time yet
const SUMMARY_EVERY = 2000; // ms

const clock = new SiteClock();
const painter = new FramePainter(clock, report);
const connection = new ServerConnection({ opened, said, frame, lost });
const acknowledgements = new Acknowledgements(message => connection.sendBytes(message));
const state = {
  /** @type {Map<number, string>} the camera of each number in a header */
  cameras: new Map(),
  /** @type {Server.Tile[]} what can be seen now */
  tiles: [],
  probes: 0, // answered on this connection
  probeTimer: 0,
};

/**
 * @param {FromWorker} message
 * @param {Transferable[]} transfer
 */
function report(message, transfer = []) {
  self.postMessage(message, { transfer });
}

function opened() {
  clock.reset();
  state.probes = 0;
  probe();
}

/** @param {import('./server_connection.js').Loss} loss */
function lost(loss) {
  clock.forget();
  acknowledgements.reset();
  report({ type: 'lost', ...loss });
}

/** @param {Server.PageEcho | Server.PageHello | Server.SiteState} message */
function said(message) {
  if (message.type === 'echo') echoed(message);
  else if (message.type === 'state') report({ type: 'state', state: message });
  else if (message.type === 'hello') {
    connection.accepted();
    state.cameras = new Map(
      Object.entries(message.cameras).map(([name, number]) => [number, name]),
    );
    painter.restart();
    report({ type: 'hello', hello: message });
  }
}

/**
 * @param {ArrayBuffer} message
 * @param {() => boolean} isCurrent
 */
async function frame(message, isCurrent) {
  const header = readHeader(message);
  const camera = header ? state.cameras.get(header.number) : undefined;
  if (header && camera !== undefined) await painter.paint(camera, header, message, isCurrent);
  if (isCurrent()) acknowledgements.add();
}

// ---- the site's clock ----

function probe() {
  /** @type {Server.PageProbe} */
  const message = { type: 'probe', sent: epoch(), round_trip: clock.roundTrip };
  connection.say(message);
}

/** @param {Server.PageEcho} echo */
function echoed({ sent, site, error }) {
  const now = epoch();
  if (error === null) {
    clock.forget(); // the broker has not answered the server yet
    clearTimeout(state.probeTimer);
    state.probeTimer = setTimeout(probe, PROBE_UNKNOWN);
  } else clock.add({ sent, site, error }, now);
  report({ type: 'clock', clock: clock.offset(now) });
  state.probes++;
  if (state.probes < FIRST_PROBES && error !== null) probe();
  else if (state.probes === FIRST_PROBES) want();
}

function want() {
  if (state.probes < FIRST_PROBES) return;
  /** @type {Server.Want} */
  const message = { type: 'want', tiles: state.tiles };
  connection.say(message);
}

setInterval(() => {
  if (connection.isOpen && state.probes >= FIRST_PROBES) probe();
}, PROBE_EVERY);

setInterval(() => {
  const summary = painter.takeSummary();
  if (summary) connection.say(summary);
}, SUMMARY_EVERY);

// ---- the page ----

/** @param {MessageEvent<ToWorker>} event */
self.onmessage = ({ data }) => {
  switch (data.type) {
    case 'open':
      return connection.start(data.url);
    case 'retry':
      return connection.retry();
    case 'canvas':
      return painter.addCanvas(data.camera, data.canvas);
    case 'want':
      state.tiles = data.tiles;
      return want();
  }
};
