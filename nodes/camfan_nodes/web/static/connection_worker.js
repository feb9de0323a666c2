// The worker: the one WebSocket of the page, the site's clock, and the decoding of all pictures.
//
// Pictures go from the socket to a canvas without touching the page's own thread. Each is
// acknowledged when it is painted, so the server never sends more than this machine can show.
'use strict';

const HEADER = 24,
  VERSION = 1,
  CLOCK_KNOWN = 1;
const FIRST_PROBES = 5,
  PROBE_EVERY = 2000,
  PROBE_UNKNOWN = 200,
  DRIFT = 100e-6,
  PROBES_KEPT = 16;
// The server says something each second. Silent for so long, it is asked whether it lives: a large picture
// on a thin line may be all that is late. An answer that does not come means that it hangs or is gone.
const SILENCE = 2500,
  ANSWER = 2000,
  SILENCE_WITH_ANSWERS = 30000,
  LOOK_EVERY = 500;
const RETRY = [200, 400, 600, 800]; // ms; the last one again and again
const ACKNOWLEDGE_AFTER = 25; // ms: several at once where pictures come thick,
const THICK = 3,
  ACKNOWLEDGE_THICK = 50; // that many at a time; then even more
const NOTE_EVERY = 80,
  PAINTED_EVERY = 2000,
  AGES_KEPT = 2000;

const epoch = () => performance.timeOrigin + performance.now();

let url = '',
  socket = null,
  tries = 0,
  retryTimer = 0,
  ended = false,
  heard = 0,
  opened = 0;
let names = new Map(); // number in a picture's header: camera
let tiles = []; // what can be seen now
const places = new Map(); // camera: { context, painted, busy }
let notes = [],
  noteTimer = 0;
let acknowledgements = 0,
  acknowledgeTimer = 0,
  acknowledgedAtOnce = 0;
let painted = 0,
  undecodable = 0,
  ages = [];

// ---- the site's clock: the NTP formula, the sample with the smallest bound ----
let samples = [],
  probes = 0,
  roundTrip = null,
  probeTimer = 0;

function clockNow(now = epoch()) {
  let best = null;
  for (const s of samples) {
    const error = s.error + (now - s.at) * DRIFT;
    if (!best || error < best.error) best = { offset: s.offset, error };
  }
  return best;
}

function probe() {
  say({ type: 'probe', sent: epoch(), round_trip: roundTrip });
}

function echoed(echo) {
  const now = epoch(),
    took = now - echo.sent,
    known = echo.error !== null;
  if (!known) {
    // the broker has not answered the server yet
    samples = [];
    clearTimeout(probeTimer);
    probeTimer = setTimeout(probe, PROBE_UNKNOWN);
  } else if (took >= 0 && took < 60000) {
    roundTrip = roundTrip === null ? took : Math.min(roundTrip * 1.01, took);
    samples.push({
      at: now,
      offset: echo.site - (echo.sent + now) / 2,
      error: took / 2 + echo.error + took * DRIFT,
    });
    if (samples.length > PROBES_KEPT) samples.shift();
  }
  tell('clock', { clock: clockNow(now) });
  if (++probes < FIRST_PROBES && known) probe();
  else if (probes === FIRST_PROBES) want();
}

// ---- the socket ----
function open() {
  clearTimeout(retryTimer);
  if (ended || socket) return;
  const one = new WebSocket(url);
  one.binaryType = 'arraybuffer';
  socket = one;
  opened = epoch();
  one.onopen = () => {
    heard = epoch();
    samples = [];
    probes = 0;
    roundTrip = null;
    probe();
  };
  one.onmessage = event => {
    if (one !== socket) return;
    heard = epoch();
    if (typeof event.data !== 'string') {
      picture(event.data);
      return;
    }
    const message = JSON.parse(event.data);
    if (message.type === 'echo') echoed(message);
    else if (message.type === 'hello') {
      tries = 0;
      names = new Map(Object.entries(message.cameras).map(([name, number]) => [number, name]));
      for (const place of places.values()) place.painted = -1;
      tell('hello', { hello: message });
    } else if (message.type === 'state') tell('state', { state: message });
  };
  one.onclose = event => {
    if (one === socket) lost(event.code, event.reason);
  };
}

function lost(code, reason) {
  const last = socket;
  socket = null;
  if (last) {
    last.onclose = last.onmessage = null;
    last.close();
  }
  samples = [];
  acknowledgements = 0;
  if (ended) return;
  const wait = RETRY[Math.min(tries++, RETRY.length - 1)];
  tell('lost', { code, reason, heard, next: epoch() + wait });
  retryTimer = setTimeout(open, wait);
}

setInterval(() => {
  if (socket && socket.readyState === 1 && probes >= FIRST_PROBES) probe();
}, PROBE_EVERY);

let asking = false,
  answered = 0;
setInterval(async () => {
  const one = socket,
    last = () => Math.max(heard, opened);
  if (!one || asking || epoch() - Math.max(last(), answered) < SILENCE) return;
  asking = true;
  const answers = epoch() - last() < SILENCE_WITH_ANSWERS && (await lives());
  asking = false;
  if (answers) answered = epoch();
  else if (one === socket && epoch() - last() >= SILENCE) lost(0, 'silent');
}, LOOK_EVERY);

async function lives() {
  try {
    return (await fetch('/healthz', { cache: 'no-store', signal: AbortSignal.timeout(ANSWER) })).ok;
  } catch {
    return false;
  }
}

function say(message) {
  if (socket && socket.readyState === 1) socket.send(JSON.stringify(message));
}

function want() {
  if (probes >= FIRST_PROBES) say({ type: 'want', tiles });
}

function acknowledge() {
  acknowledgements++;
  if (acknowledgeTimer) return;
  const after = acknowledgedAtOnce < THICK ? ACKNOWLEDGE_AFTER : ACKNOWLEDGE_THICK;
  acknowledgeTimer = setTimeout(sendAcknowledgements, after);
}

function sendAcknowledgements() {
  acknowledgeTimer = 0;
  acknowledgedAtOnce = acknowledgements;
  if (!acknowledgements || !socket || socket.readyState !== 1) {
    acknowledgements = 0;
    return;
  }
  socket.send(new Uint8Array([acknowledgements & 255, acknowledgements >> 8]));
  acknowledgements = 0;
}

// ---- pictures ----
function picture(buffer) {
  const view = new DataView(buffer);
  if (buffer.byteLength <= HEADER || view.getUint8(0) !== VERSION) {
    acknowledge();
    return;
  }
  const camera = names.get(view.getUint16(2, true)),
    place = places.get(camera);
  if (!place) {
    acknowledge();
    return;
  } // it went out of sight meanwhile
  const header = {
    camera,
    order: ++place.order,
    known: (view.getUint8(1) & CLOCK_KNOWN) !== 0,
    error: view.getFloat32(4, true),
    taken: view.getFloat64(8, true),
    sequence: view.getFloat64(16, true),
    received: epoch(),
    from: socket,
  };
  createImageBitmap(new Blob([new Uint8Array(buffer, HEADER)], { type: 'image/jpeg' }))
    .then(
      bitmap => paint(place, header, bitmap),
      () => {
        undecodable++;
        tell('broken', { camera, sequence: header.sequence });
      },
    )
    .finally(() => {
      if (header.from === socket) acknowledge();
    });
}

function paint(place, header, bitmap) {
  if (header.from !== socket || header.order < place.painted) {
    bitmap.close();
    return;
  }
  place.painted = header.order;
  const size = [bitmap.width, bitmap.height];
  if (place.context) place.context.transferFromImageBitmap(bitmap);
  else self.postMessage({ type: 'bitmap', camera: header.camera, bitmap }, [bitmap]);
  painted++;
  const now = epoch(),
    clock = clockNow(now);
  const age = header.known && clock ? now + clock.offset - header.taken : null;
  if (age !== null && ages.push(age) > AGES_KEPT) ages.shift();
  notes.push({
    camera: header.camera,
    received: now,
    taken: header.taken,
    sequence: header.sequence,
    size,
    age,
    error: age === null ? 0 : header.error + clock.error,
  });
  if (!noteTimer) noteTimer = setTimeout(sendNotes, NOTE_EVERY);
}

function sendNotes() {
  noteTimer = 0;
  tell('pictures', { pictures: notes });
  notes = [];
}

setInterval(() => {
  if (!painted && !undecodable) return;
  ages.sort((a, b) => a - b);
  const at = share =>
    ages.length ? ages[Math.min(ages.length - 1, Math.floor(ages.length * share))] : null;
  say({ type: 'painted', frames: painted, age_p50: at(0.5), age_p95: at(0.95), undecodable });
  ages = [];
}, PAINTED_EVERY);

// ---- the page ----
function tell(type, more) {
  self.postMessage({ type, ...more });
}

const DO = {
  open(message) {
    url = message.url;
    ended = false;
    open();
  },
  retry() {
    if (!socket) {
      tries = 0;
      open();
    }
  },
  end() {
    ended = true;
    clearTimeout(retryTimer);
    if (socket) {
      const one = socket;
      socket = null;
      one.close();
    }
  },
  canvas({ camera, canvas }) {
    places.set(camera, {
      context: canvas ? canvas.getContext('bitmaprenderer') : null,
      painted: -1,
      order: 0,
    });
  },
  want(message) {
    tiles = message.tiles;
    want();
  },
};
self.onmessage = event => DO[event.data.type]?.(event.data);
