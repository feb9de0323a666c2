// The state of a camera, from the times at which its frames arrived.
//
// Decided here, on this page's own clock, because a message may be what is missing. The state that
// the server reports counts only for a camera whose source has ended, and for a camera without a
// frame that was offline before the page asked for it.

/** @typedef {Server.ReportedCamera['state']} CameraState */
/** @typedef {{ late: number, stale: number, offline: number }} Limits ms without a new frame */
/** @typedef {{ received: number, taken: number, age: number | null, error: number }} Arrival */
/**
 * @typedef {object} Observed A camera at one moment. `age` is null while its clock is not known.
 * @property {CameraState} state
 * @property {number} quiet ms without a new frame
 * @property {number | null} age ms
 * @property {number} error ms, bound of the age
 * @property {number | null} since when the newest frame was taken
 * @property {number | null} fps
 */

export const WORST = 500; // ms
const KEPT = 12; // intervals between frames
const SURE = 3; // intervals from which they count

/** @type {readonly string[]} */
const LIVE = ['live', 'late'];
const NORMAL = [...LIVE, 'idle', 'ended'];
/** Trouble first. docs/guide/watching.md defines each word; the server uses the same. */
export const RANK = ['offline', 'stale', 'late', 'waiting', 'live', 'idle', 'ended'];
/** @type {Record<string, string>} */
export const TONE = { offline: 'bad', stale: 'warn', late: 'warn' };
/** @type {Record<string, string>} icons */
export const MARK = {
  offline: 'off',
  stale: 'stale',
  late: 'late',
  waiting: 'late',
  ended: 'stale',
};

/** @param {string} state */
export const isLive = state => LIVE.includes(state);
/** @param {string} state */
export const isNormal = state => NORMAL.includes(state);

/**
 * Certainly no older than the limit; if the error is larger than the limit, the age alone decides.
 * @param {number} limit
 * @param {number} age
 * @param {number} error
 */
const isWithin = (limit, age, error) => age + (error <= limit ? error : 0) <= limit;

/** Follows one camera from the moment at which the page asked for it. Times are ms of one clock. */
export class CameraObserver {
  /** @param {number} asked */
  constructor(asked) {
    /** @type {Limits} of the camera; infinite until the server reports them */
    this.limits = { late: Infinity, stale: Infinity, offline: Infinity };
    /** @type {Limits} in multiples of the interval at which frames reach this page */
    this.multiples = { late: 0, stale: 0, offline: 0 };
    this.asked = asked;
    /** @type {Arrival | null} */
    this.newest = null;
    this.quietFrom = asked;
    /** @type {number[]} */
    this.intervals = [];
  }

  /**
   * The camera was out of sight and is asked for again: earlier frames no longer count.
   * @param {number} now
   */
  ask(now) {
    this.asked = now;
    this.newest = null;
    this.quietFrom = now;
    this.intervals = [];
  }

  /** @param {Arrival} frame */
  arrived(frame) {
    const before = this.newest;
    const flowing = before !== null && frame.received - before.received <= this.stale;
    if (before) {
      this.intervals.push(Math.max(0, frame.received - before.received));
      if (this.intervals.length > KEPT) this.intervals.shift();
    }
    // A frame that was old on arrival does not make a silent camera live.
    const fresh = frame.age !== null && isWithin(this.stale, frame.age, frame.error);
    const already = fresh || flowing ? 0 : Math.max(this.stale, frame.age ?? 0);
    this.quietFrom = frame.received - already;
    this.newest = frame;
  }

  /**
   * @param {number} now
   * @param {boolean} connected the server and the broker answer
   * @param {string} reported the state that the server reported last
   * @returns {Observed}
   */
  observe(now, connected, reported = '') {
    const newest = this.newest;
    if (!newest) {
      const quiet = now - this.asked;
      const state = this.#stateWithoutFrame(quiet, connected, reported);
      return { state, quiet, age: null, error: 0, since: null, fps: null };
    }
    const quiet = now - this.quietFrom;
    const age = newest.age === null ? null : newest.age + now - newest.received;
    const state = this.#state(quiet, age, newest.error, connected, reported === 'ended');
    const fps = isLive(state) ? this.fps : null;
    return { state, quiet, age, error: newest.error, since: newest.taken, fps };
  }

  /**
   * @param {number} quiet
   * @param {boolean} connected
   * @param {string} reported
   * @returns {CameraState}
   */
  #stateWithoutFrame(quiet, connected, reported) {
    if (reported === 'offline') return 'offline';
    if (reported === 'ended' && connected) return 'ended';
    return quiet < this.offline || !connected ? 'waiting' : 'offline';
  }

  /**
   * @param {number} quiet
   * @param {number | null} age
   * @param {number} error
   * @param {boolean} connected
   * @param {boolean} ended
   * @returns {CameraState}
   */
  #state(quiet, age, error, connected, ended) {
    if (!connected) return 'stale';
    if (ended) return 'ended';
    if (quiet >= this.offline) return 'offline';
    if (quiet >= this.stale) return 'stale';
    return age !== null && isWithin(this.late, age, error) ? 'live' : 'late';
  }

  /** The interval at which frames reach this page: the camera's, or longer on a slow link. */
  get interval() {
    if (this.intervals.length < SURE) return 0;
    const sorted = [...this.intervals].sort((a, b) => a - b);
    return sorted[Math.floor((3 * sorted.length) / 4)];
  }

  get late() {
    return Math.max(this.limits.late, this.multiples.late * this.interval);
  }

  get stale() {
    return Math.max(this.limits.stale, this.multiples.stale * this.interval);
  }

  get offline() {
    return Math.max(this.limits.offline, this.multiples.offline * this.interval);
  }

  get fps() {
    const total = this.intervals.reduce((a, b) => a + b, 0);
    return total > 0 ? (1000 * this.intervals.length) / total : null;
  }
}

/** The worst age of the last half second, updated twice a second so that it can be read. */
export class WorstAge {
  constructor() {
    /** @type {[now: number, age: number, error: number][]} */
    this.seen = [];
    /** @type {[age: number, error: number] | null} */
    this.shown = null;
    this.updated = -Infinity;
  }

  forget() {
    this.seen = [];
    this.shown = null;
    this.updated = -Infinity;
  }

  /**
   * @param {number} now
   * @param {number | null} age
   * @param {number} error
   */
  note(now, age, error) {
    if (age === null) {
      this.forget();
      return;
    }
    this.seen.push([now, age, error]);
    while (this.seen.length && now - this.seen[0][0] > WORST) this.seen.shift();
    if (now - this.updated >= WORST - 20) {
      const [, worst, bound] = this.seen.reduce((a, b) => (b[1] + b[2] > a[1] + a[2] ? b : a));
      this.shown = [worst, bound];
      this.updated = now;
    }
  }
}
