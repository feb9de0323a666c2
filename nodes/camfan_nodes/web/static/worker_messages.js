// The messages between a page and its connection worker. Types only: no code loads this file.

/** @typedef {{ type: 'open', url: string }} Open */
/** @typedef {{ type: 'retry' }} Retry */
/** @typedef {{ type: 'canvas', camera: string, canvas: OffscreenCanvas | null }} Canvas */
/** @typedef {{ type: 'want', tiles: Server.Tile[] }} WantTiles */
/** @typedef {Open | Retry | Canvas | WantTiles} ToWorker */

/** @typedef {{ type: 'hello', hello: Server.PageHello }} HelloCame */
/** @typedef {{ type: 'state', state: Server.SiteState }} StateCame */
/** @typedef {{ type: 'clock', clock: import('./site_clock.js').Offset | null }} ClockChanged */
/**
 * @typedef {object} PaintedFrame What the worker reports of a frame that it has painted.
 * @property {string} camera
 * @property {number} received
 * @property {number} taken
 * @property {number} sequence
 * @property {[number, number]} size
 * @property {number | null} age
 * @property {number} error
 */
/** @typedef {{ type: 'frames', frames: PaintedFrame[] }} FramesPainted */
/** @typedef {{ type: 'bitmap', camera: string, bitmap: ImageBitmap }} BitmapDecoded */
/** @typedef {{ type: 'broken', camera: string, sequence: number }} FrameBroken */
/** @typedef {{ type: 'lost', code: number, reason: string, heard: number, next: number }} ServerLost */
/**
 * @typedef {HelloCame | StateCame | ClockChanged | FramesPainted | BitmapDecoded | FrameBroken
 *   | ServerLost} FromWorker
 */

export {};
