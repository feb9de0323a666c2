// What state a camera is in, from when its pictures came.
//
// Decided here, on this page's own clock: a message may be what is missing. What the server says counts
// only for a camera whose source is over, and for one without a picture that was offline before it was
// asked for.

export const WORST = 500; // ms
const KEPT = 12,
  SURE = 3; // intervals between pictures: how many are kept; from how many on they count

const LIVE = ['live', 'late'],
  NORMAL = [...LIVE, 'idle', 'ended'];
/** Trouble first. What each word means stands in docs/guide/watching.md; the server says the same. */
export const RANK = ['offline', 'stale', 'late', 'waiting', 'live', 'idle', 'ended'];
export const TONE = { offline: 'bad', stale: 'warn', late: 'warn' };
export const MARK = {
  offline: 'off',
  stale: 'stale',
  late: 'late',
  waiting: 'late',
  ended: 'stale',
};
export const isLive = state => LIVE.includes(state);
export const isNormal = state => NORMAL.includes(state);

/** Certainly no older than the limit; with an error greater than that the age itself decides. */
const isWithin = (limit, age, error) => age + (error <= limit ? error : 0) <= limit;

/** Follows one camera from the moment it was asked for. Times are ms of one clock. */
export class Watch {
  constructor(asked) {
    this.pace = { late: Infinity, stale: Infinity, offline: Infinity }; // until the server has said
    this.times = { late: 0, stale: 0, offline: 0 };
    this.ask(asked);
  }

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
      if (this.intervals.length > KEPT) this.intervals.shift();
    }
    // One that was old already does not make a silent camera live.
    const fresh = picture.age !== null && isWithin(this.stale, picture.age, picture.error);
    this.quietFrom =
      fresh || flowing
        ? picture.received
        : picture.received - Math.max(this.stale, picture.age ?? 0);
    this.newest = picture;
  }

  /** `said`: the state that the server said last. */
  look(now, connected, said = '') {
    const newest = this.newest,
      ended = said === 'ended';
    if (!newest) {
      const waited = now - this.asked;
      const state =
        said === 'offline'
          ? said
          : ended && connected
            ? 'ended'
            : waited < this.offline || !connected
              ? 'waiting'
              : 'offline';
      return { state, quiet: waited, age: null, error: 0, since: null, fps: null };
    }
    const quiet = now - this.quietFrom;
    const age = newest.age === null ? null : newest.age + now - newest.received;
    const state = this.#state(quiet, age, newest.error, connected, ended);
    return {
      state,
      quiet,
      age,
      error: newest.error,
      since: newest.taken,
      fps: isLive(state) ? this.fps : null,
    };
  }

  #state(quiet, age, error, connected, ended) {
    if (!connected) return 'stale';
    if (ended) return 'ended';
    if (quiet >= this.offline) return 'offline';
    if (quiet >= this.stale) return 'stale';
    return age !== null && isWithin(this.late, age, error) ? 'live' : 'late';
  }

  /** The interval at which pictures reach this page: the camera's, or longer on a thin line. */
  get frame() {
    if (this.intervals.length < SURE) return 0;
    return [...this.intervals].sort((a, b) => a - b)[Math.floor((3 * this.intervals.length) / 4)];
  }
  get late() {
    return Math.max(this.pace.late, this.times.late * this.frame);
  }
  get stale() {
    return Math.max(this.pace.stale, this.times.stale * this.frame);
  }
  get offline() {
    return Math.max(this.pace.offline, this.times.offline * this.frame);
  }
  get fps() {
    const total = this.intervals.reduce((a, b) => a + b, 0);
    return total > 0 ? (1000 * this.intervals.length) / total : null;
  }
}

/** The worst age of the last half second, renewed twice a second so that it can be read. */
export class WorstAge {
  constructor() {
    this.forget();
  }
  forget() {
    this.seen = [];
    this.shown = null;
    this.renewed = -Infinity;
  }

  note(now, age, error) {
    if (age === null) {
      this.forget();
      return;
    }
    this.seen.push([now, age, error]);
    while (this.seen.length && now - this.seen[0][0] > WORST) this.seen.shift();
    if (now - this.renewed >= WORST - 20) {
      const [, worst, bound] = this.seen.reduce((a, b) => (b[1] + b[2] > a[1] + a[2] ? b : a));
      this.shown = [worst, bound];
      this.renewed = now;
    }
  }
}
