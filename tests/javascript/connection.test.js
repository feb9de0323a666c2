// What the connection worker is made of, as far as it needs neither a socket nor a canvas.

import assert from 'node:assert/strict';
import { describe, it, mock } from 'node:test';

import { Acknowledgements } from '../../nodes/camfan_nodes/web/static/acknowledgements.js';
import { HEADER_BYTES, readHeader } from '../../nodes/camfan_nodes/web/static/frame_header.js';
import { SiteClock } from '../../nodes/camfan_nodes/web/static/site_clock.js';

describe('the site clock', () => {
  it('is the server time in the middle of the round trip', () => {
    const clock = new SiteClock();
    clock.add({ sent: 1000, site: 5010, error: 2 }, 1020);
    const found = clock.offset(1020);
    assert.equal(found?.offset, 4000);
    assert.ok(Math.abs((found?.error ?? 0) - 12.002) < 1e-9);
  });

  it('prefers the sample with the smallest bound, which grows with time', () => {
    const clock = new SiteClock();
    clock.add({ sent: 0, site: 110, error: 0 }, 20); // ±10
    clock.add({ sent: 100, site: 300, error: 0 }, 140); // ±20
    assert.equal(clock.offset(140)?.offset, 100);
    clock.add({ sent: 1_000_000, site: 1_000_210, error: 0 }, 1_000_040); // the first drifted
    assert.equal(clock.offset(1_000_040)?.offset, 190);
  });

  it('is not known before an answer, and after the server was lost', () => {
    const clock = new SiteClock();
    assert.equal(clock.offset(0), null);
    clock.add({ sent: 0, site: 0, error: 0 }, 10);
    clock.forget();
    assert.equal(clock.offset(10), null);
    assert.equal(clock.roundTrip, 10);
  });

  for (const sent of [1001, -60_000]) {
    it(`ignores an answer that took ${1000 - sent} ms`, () => {
      const clock = new SiteClock();
      clock.add({ sent, site: 0, error: 0 }, 1000);
      assert.equal(clock.offset(1000), null);
    });
  }
});

describe('the header of a frame', () => {
  /** @param {number} bytes */
  function message(bytes) {
    const view = new DataView(new ArrayBuffer(bytes));
    view.setUint8(0, 1);
    view.setUint8(1, 1);
    view.setUint16(2, 515, true);
    view.setFloat32(4, 2.5, true);
    view.setFloat64(8, 1_700_000_000_000, true);
    view.setFloat64(16, 41, true);
    return view;
  }

  it('is read as the server writes it', () => {
    assert.deepEqual(readHeader(message(HEADER_BYTES + 1).buffer), {
      number: 515,
      clockKnown: true,
      error: 2.5,
      taken: 1_700_000_000_000,
      sequence: 41,
    });
  });

  it('is not read without a JPEG behind it, or of another version', () => {
    const other = message(HEADER_BYTES + 1);
    other.setUint8(0, 2);
    assert.equal(readHeader(message(HEADER_BYTES).buffer), null);
    assert.equal(readHeader(new ArrayBuffer(0)), null);
    assert.equal(readHeader(other.buffer), null);
  });
});

describe('acknowledgements', () => {
  /** @param {(sent: number[][], acknowledgements: Acknowledgements) => void} work */
  function withTimers(work) {
    mock.timers.enable({ apis: ['setTimeout'] });
    try {
      /** @type {number[][]} */
      const sent = [];
      work(sent, new Acknowledgements(message => sent.push([...message])));
    } finally {
      mock.timers.reset();
    }
  }

  it('are sent together, as a count in two bytes', () => {
    withTimers((sent, acknowledgements) => {
      for (let i = 0; i < 258; i++) acknowledgements.add();
      assert.deepEqual(sent, []);
      mock.timers.tick(25);
      assert.deepEqual(sent, [[2, 1]]);
    });
  });

  it('wait longer while frames are frequent', () => {
    withTimers((sent, acknowledgements) => {
      for (let i = 0; i < 3; i++) acknowledgements.add();
      mock.timers.tick(25);
      acknowledgements.add();
      mock.timers.tick(49);
      assert.equal(sent.length, 1);
      mock.timers.tick(1);
      assert.deepEqual(sent, [
        [3, 0],
        [1, 0],
      ]);
    });
  });

  it('of a connection that has ended are not sent', () => {
    withTimers((sent, acknowledgements) => {
      acknowledgements.add();
      acknowledgements.reset();
      mock.timers.tick(25);
      assert.deepEqual(sent, []);
    });
  });
});
