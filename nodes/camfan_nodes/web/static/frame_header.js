// The header in front of each JPEG on the WebSocket; web_frame.py writes it.

export const HEADER_BYTES = 24;
const VERSION = 1;
const CLOCK_KNOWN = 1; // flag

/**
 * @typedef {object} FrameHeader
 * @property {number} number of the camera, as the hello message numbers them
 * @property {boolean} clockKnown
 * @property {number} error ms, of `taken`
 * @property {number} taken ms, on the site's clock; on the camera's if that is not known
 * @property {number} sequence
 */

/**
 * @param {ArrayBuffer} message
 * @returns {FrameHeader | null} null: not a frame
 */
export function readHeader(message) {
  if (message.byteLength <= HEADER_BYTES) return null;
  const view = new DataView(message);
  if (view.getUint8(0) !== VERSION) return null;
  return {
    number: view.getUint16(2, true),
    clockKnown: (view.getUint8(1) & CLOCK_KNOWN) !== 0,
    error: view.getFloat32(4, true),
    taken: view.getFloat64(8, true),
    sequence: view.getFloat64(16, true),
  };
}
