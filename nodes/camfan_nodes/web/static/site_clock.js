// The site's clock as this page knows it: the NTP formula, and the sample with the smallest bound.

/** @typedef {{ offset: number, error: number }} Offset site time minus local time, and its bound, ms */

const DRIFT = 100e-6; // of this machine's clock, at most
const KEPT = 16; // samples
const LONGEST = 60000; // ms of a round trip that is believed
const RISE = 1.01; // of the best round trip, with each sample: a link can become slower

/** Times are local, in ms. */
export class SiteClock {
  constructor() {
    /** @type {{ at: number, offset: number, error: number }[]} */
    this.samples = [];
    /** @type {number | null} the best lately */
    this.roundTrip = null;
  }

  /** For a new connection. */
  reset() {
    this.samples = [];
    this.roundTrip = null;
  }

  /** The server does not answer, or does not know the time itself. */
  forget() {
    this.samples = [];
  }

  /**
   * Takes an answer of the server: it was asked at `sent`, and answered `site` ± `error`.
   * @param {{ sent: number, site: number, error: number }} answer
   * @param {number} now
   */
  add({ sent, site, error }, now) {
    const took = now - sent;
    if (took < 0 || took >= LONGEST) return;
    this.roundTrip = this.roundTrip === null ? took : Math.min(this.roundTrip * RISE, took);
    const bound = took / 2 + error + took * DRIFT;
    this.samples.push({ at: now, offset: site - (sent + now) / 2, error: bound });
    if (this.samples.length > KEPT) this.samples.shift();
  }

  /**
   * @param {number} now
   * @returns {Offset | null} null: not known
   */
  offset(now) {
    /** @type {Offset | null} */
    let best = null;
    for (const sample of this.samples) {
      const error = sample.error + (now - sample.at) * DRIFT;
      if (!best || error < best.error) best = { offset: sample.offset, error };
    }
    return best;
  }
}
