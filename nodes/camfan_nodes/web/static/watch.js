// What state a camera is in, from when its pictures came and nothing else.
//
// Decided here, on this page's own clock, never by a message: the message may be what is missing.

export const LATE = 1000, STALE = 3000, OFFLINE = 60000, WORST = 500; // ms
const INTERVALS = 12; // from which the frame rate is taken

export const isLive = state => state === 'live' || state === 'late';

/** Follows one camera from the moment it was asked for. Times are ms of one clock. */
export class Watch {
  constructor(asked) { this.ask(asked); }

  /** It was out of sight and is asked for again: what was shown before counts for nothing. */
  ask(now) {
    this.asked = now;
    this.newest = null;
    this.quietFrom = now;
    this.intervals = [];
  }

  /** A picture came: {received, taken, age, error}; age is null while a clock is not known. */
  arrived(picture) {
    const before = this.newest;
    const flowing = before && picture.received - before.received <= this.stale;
    if (before) {
      this.intervals.push(Math.max(0, picture.received - before.received));
      if (this.intervals.length > INTERVALS) this.intervals.shift();
    }
    // One that was old already does not make a silent camera live.
    const fresh = picture.age !== null && picture.age + picture.error <= this.stale;
    this.quietFrom = fresh || flowing ? picture.received
      : picture.received - Math.max(this.stale, picture.age ?? 0);
    this.newest = picture;
  }

  look(now, connected) {
    const newest = this.newest;
    if (!newest) {
      const waited = now - this.asked;
      return { state: waited < OFFLINE || !connected ? 'wait' : 'offline', quiet: waited, age: null, error: 0, since: null, fps: null };
    }
    const quiet = now - this.quietFrom;
    const age = newest.age === null ? null : newest.age + now - newest.received;
    const state = this.#state(quiet, age, newest.error, connected);
    return { state, quiet, age, error: newest.error, since: newest.taken, fps: isLive(state) ? this.fps : null };
  }

  #state(quiet, age, error, connected) {
    if (!connected) return 'stale';
    if (quiet >= OFFLINE) return 'offline';
    if (quiet >= this.stale) return 'stale';
    return age !== null && age + error <= Math.max(LATE, 2 * this.frame) ? 'live' : 'late';
  }

  get frame() {
    if (!this.intervals.length) return 0;
    const sorted = [...this.intervals].sort((a, b) => a - b), middle = sorted.length >> 1;
    return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  }
  get stale() { return Math.min(OFFLINE, Math.max(STALE, 3 * this.frame)); }
  get fps() {
    const total = this.intervals.reduce((a, b) => a + b, 0);
    return total > 0 ? 1000 * this.intervals.length / total : null;
  }
}

/** The worst age of the last half second, renewed twice a second so that it can be read. */
export class WorstAge {
  constructor() { this.forget(); }
  forget() { this.seen = []; this.shown = null; this.renewed = -Infinity; }

  note(now, age, error) {
    if (age === null) { this.forget(); return; }
    this.seen.push([now, age, error]);
    while (this.seen.length && now - this.seen[0][0] > WORST) this.seen.shift();
    if (now - this.renewed >= WORST - 20) {
      const [, worst, bound] = this.seen.reduce((a, b) => b[1] + b[2] > a[1] + a[2] ? b : a);
      this.shown = [worst, bound];
      this.renewed = now;
    }
  }
}
