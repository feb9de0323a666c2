// The states of a camera as a page decides them.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import {
  CameraObserver,
  RANK,
  WORST,
  WorstAge,
  isLive,
  isNormal,
} from '../../nodes/camfan_nodes/web/static/camera_observer.js';

const LIMITS = { late: 500, stale: 3000, offline: 30000 };

/** An observer of a camera that sends a frame each 100 ms, the last one at 1000. */
function flowing() {
  const observer = new CameraObserver(0);
  observer.limits = LIMITS;
  for (let received = 100; received <= 1000; received += 100) {
    observer.arrived({ received, taken: received - 20, age: 20, error: 1 });
  }
  return observer;
}

describe('a camera with frames', () => {
  for (const [after, state] of /** @type {[number, string][]} */ ([
    [10, 'live'],
    [470, 'live'],
    [490, 'late'], // 20 ms old at arrival, and 1 ms of error
    [2999, 'late'],
    [3000, 'stale'],
    [29999, 'stale'],
    [30000, 'offline'],
  ])) {
    it(`is ${state} ${after} ms after the newest`, () => {
      assert.equal(flowing().observe(1000 + after, true).state, state);
    });
  }

  it('is stale without the server, however new its frame is', () => {
    assert.equal(flowing().observe(1001, false).state, 'stale');
  });

  it('has ended when the server reports it', () => {
    assert.equal(flowing().observe(1001, true, 'ended').state, 'ended');
  });

  it('has a frame rate only while it is live', () => {
    assert.equal(Math.round(flowing().observe(1001, true).fps ?? 0), 10);
    assert.equal(flowing().observe(5000, true).fps, null);
  });

  it('is late, not live, while its age is not known', () => {
    const observer = flowing();
    observer.arrived({ received: 1100, taken: 0, age: null, error: 0 });
    assert.equal(observer.observe(1101, true).state, 'late');
  });

  it('is judged by the interval at which frames reach the page, if that is longer', () => {
    const observer = flowing();
    observer.multiples = { late: 2, stale: 100, offline: 1000 };
    assert.equal(observer.observe(1000 + 5000, true).state, 'late');
    assert.equal(observer.observe(1000 + 10000, true).state, 'stale');
  });

  it('counts nothing from before it was out of sight', () => {
    const observer = flowing();
    observer.ask(2000);
    assert.deepEqual(observer.observe(2001, true), {
      state: 'waiting',
      quiet: 1,
      age: null,
      error: 0,
      since: null,
      fps: null,
    });
  });
});

describe('a frame that is old at arrival', () => {
  it('does not make a silent camera live', () => {
    const observer = new CameraObserver(0);
    observer.limits = LIMITS;
    observer.arrived({ received: 100, taken: -9900, age: 10000, error: 1 });
    assert.equal(observer.observe(101, true).state, 'stale');
  });
});

describe('a camera without a frame', () => {
  for (const [
    now,
    connected,
    reported,
    state,
  ] of /** @type {[number, boolean, string, string][]} */ ([
    [29999, true, '', 'waiting'],
    [30000, true, '', 'offline'],
    [30000, false, '', 'waiting'],
    [1, true, 'offline', 'offline'],
    [1, false, 'offline', 'offline'],
    [1, true, 'ended', 'ended'],
    [1, true, 'stale', 'waiting'],
  ])) {
    it(`is ${state} after ${now} ms, ${connected ? '' : 'not '}connected, reported ${reported || 'nothing'}`, () => {
      const observer = new CameraObserver(0);
      observer.limits = LIMITS;
      assert.equal(observer.observe(now, connected, reported).state, state);
    });
  }
});

describe('the words', () => {
  it('are each live, normal, or trouble', () => {
    assert.deepEqual(RANK.filter(isLive), ['late', 'live']);
    assert.deepEqual(
      RANK.filter(word => !isNormal(word)),
      ['offline', 'stale', 'waiting'],
    );
  });
});

describe('the worst age', () => {
  it('is that of the last half second, and stays readable as long', () => {
    const worst = new WorstAge();
    worst.note(0, 90, 1);
    assert.deepEqual(worst.shown, [90, 1]);
    worst.note(100, 400, 2);
    worst.note(200, 20, 1);
    assert.deepEqual(worst.shown, [90, 1]);
    worst.note(WORST, 20, 1);
    assert.deepEqual(worst.shown, [400, 2]);
    worst.note(2 * WORST + 101, 20, 1);
    assert.deepEqual(worst.shown, [20, 1]);
  });

  it('is not known without an age', () => {
    const worst = new WorstAge();
    worst.note(0, 90, 1);
    worst.note(1, null, 0);
    assert.equal(worst.shown, null);
  });
});
