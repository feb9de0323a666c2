// Decodes frames and paints them, without touching the page's own thread.

import { epoch } from './epoch.js';
import { HEADER_BYTES } from './frame_header.js';

/** @typedef {import('./frame_header.js').FrameHeader} FrameHeader */
/** @typedef {import('./worker_messages.js').FromWorker} FromWorker */
/** @typedef {import('./worker_messages.js').PaintedFrame} PaintedFrame */
/** @typedef {import('./site_clock.js').SiteClock} SiteClock */
/**
 * @typedef {object} Canvas
 * @property {ImageBitmapRenderingContext | null} context null: the page paints
 * @property {number} arrived frames so far
 * @property {number} painted the newest frame that is painted, by its number among these
 */

const REPORT_AFTER = 80; // ms, to the page
const AGES_KEPT = 2000;

export class FramePainter {
  /**
   * @param {SiteClock} clock
   * @param {(message: FromWorker, transfer?: Transferable[]) => void} report to the page
   */
  constructor(clock, report) {
    this.clock = clock;
    this.report = report;
    /** @type {Map<string, Canvas>} by camera */
    this.canvases = new Map();
    /** @type {PaintedFrame[]} not reported yet */
    this.notes = [];
    this.timer = 0;
    this.painted = 0;
    this.undecodable = 0;
    /** @type {number[]} ms, since the last summary */
    this.ages = [];
  }

  /**
   * @param {string} camera
   * @param {OffscreenCanvas | null} canvas
   */
  addCanvas(camera, canvas) {
    const context = canvas ? canvas.getContext('bitmaprenderer') : null;
    this.canvases.set(camera, { context, arrived: 0, painted: -1 });
  }

  /** Frames of a new connection are painted whatever was painted before. */
  restart() {
    for (const canvas of this.canvases.values()) canvas.painted = -1;
  }

  /**
   * Decodes a frame and paints it, unless a newer one was painted meanwhile. Resolves when done.
   * @param {string} camera
   * @param {FrameHeader} header
   * @param {ArrayBuffer} message
   * @param {() => boolean} isCurrent whether the connection it came by still exists
   */
  async paint(camera, header, message, isCurrent) {
    const canvas = this.canvases.get(camera);
    if (!canvas) return; // it went out of sight meanwhile
    const order = ++canvas.arrived;
    let bitmap;
    try {
      const jpeg = new Blob([new Uint8Array(message, HEADER_BYTES)], { type: 'image/jpeg' });
      bitmap = await createImageBitmap(jpeg);
    } catch {
      this.undecodable++;
      this.report({ type: 'broken', camera, sequence: header.sequence });
      return;
    }
    if (!isCurrent() || order < canvas.painted) {
      bitmap.close();
      return;
    }
    canvas.painted = order;
    /** @type {[number, number]} */
    const size = [bitmap.width, bitmap.height];
    if (canvas.context) canvas.context.transferFromImageBitmap(bitmap);
    else this.report({ type: 'bitmap', camera, bitmap }, [bitmap]);
    this.#note(camera, header, size);
  }

  /**
   * @param {string} camera
   * @param {FrameHeader} header
   * @param {[number, number]} size
   */
  #note(camera, { clockKnown, error, taken, sequence }, size) {
    this.painted++;
    const received = epoch();
    const offset = clockKnown ? this.clock.offset(received) : null;
    const age = offset ? received + offset.offset - taken : null;
    if (age !== null && this.ages.push(age) > AGES_KEPT) this.ages.shift();
    const bound = offset ? error + offset.error : 0;
    this.notes.push({ camera, received, taken, sequence, size, age, error: bound });
    this.timer ||= setTimeout(() => this.#reportNotes(), REPORT_AFTER);
  }

  #reportNotes() {
    this.timer = 0;
    this.report({ type: 'frames', frames: this.notes });
    this.notes = [];
  }

  /**
   * For the server: frames in all, and the ages since the last call; null: no frame yet.
   * @returns {Server.Painted | null}
   */
  takeSummary() {
    if (!this.painted && !this.undecodable) return null;
    const ages = this.ages.sort((a, b) => a - b);
    this.ages = [];
    return {
      type: 'painted',
      frames: this.painted,
      age_p50: quantile(ages, 0.5),
      age_p95: quantile(ages, 0.95),
      undecodable: this.undecodable,
    };
  }
}

/**
 * @param {number[]} sorted
 * @param {number} share
 */
export function quantile(sorted, share) {
  if (!sorted.length) return null;
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}
