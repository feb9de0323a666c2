// The words for ages, times and counts. Pure: no clock, no page.

export const UNKNOWN = '—';
const THIN = '\u202f';
/** @type {[string, number][]} */
const BYTE_UNITS = [
  ['TB', 1e12],
  ['GB', 1e9],
  ['MB', 1e6],
  ['kB', 1e3],
];

/**
 * [number, unit, error]: no more digits than the error allows, '<' if the error is larger.
 * @param {number} ms
 * @param {number} error
 * @returns {[string, string, string]}
 */
export function ageText(ms, error) {
  const age = Math.max(0, ms);
  const step = error >= 50 ? 10 : 1;
  const round = (/** @type {number} */ value) => Math.round(value / step) * step;
  if (error > age) {
    const most = age + error;
    return most < 1000
      ? [`< ${round(most)}`, 'ms', '']
      : [`< ${(most / 1000).toFixed(1)}`, 's', ''];
  }
  if (age < 1000) return [String(round(age)), 'ms', `±${Math.max(1, round(error))}`];
  if (error >= 500) {
    return [(age / 1000).toFixed(0), 's', `±${Math.max(1, Math.round(error / 1000))}`];
  }
  return [(age / 1000).toFixed(1), 's', `±${Math.max(0.1, error / 1000).toFixed(1)}`];
}

/**
 * The place of an age on the bar: logarithmic, 10 ms at the left, at the right the age at which
 * the camera is stale.
 * @param {number} ms
 * @param {number} stale ms; infinite: not reported yet
 */
export function barPlace(ms, stale) {
  if (!Number.isFinite(stale)) return '0.0%';
  const place = (100 * Math.log10(Math.max(ms, 10) / 10)) / Math.log10(stale / 10);
  return `${Math.max(0, Math.min(100, place)).toFixed(1)}%`;
}

/**
 * A duration in at most two units: 21 s, 2 min 15 s, 3 h 12 min, 4 days.
 * @param {number} ms
 */
export function lengthText(ms) {
  const s = Math.max(0, Math.floor(ms / 1000));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  const days = Math.floor(s / 86400);
  return days === 1 ? '1 day' : `${days} days`;
}

/** @param {number} n */
const two = n => String(n).padStart(2, '0');

/**
 * 14:03:22, with the date if it is not today's.
 * @param {number} ms
 */
export function timeText(ms, now = Date.now()) {
  const time = new Date(ms);
  const clock = `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
  const today = time.toDateString() === new Date(now).toDateString();
  return today ? clock : `${time.toLocaleDateString()} ${clock}`;
}

/**
 * 14:03
 * @param {number} ms
 */
export const shortTime = ms => timeText(ms, ms).slice(0, 5);

/** @param {number | null} fps */
export function fpsText(fps) {
  if (!fps) return '';
  if (fps < 0.25) return `1 in ${lengthText(1000 / fps + 500)}`;
  return `${fps >= 1.95 ? fps.toFixed(0) : fps.toFixed(1)} fps`;
}

/** @param {unknown} n a number, or unknown */
export function countText(n) {
  if (n === null || n === undefined) return UNKNOWN;
  return String(n).replace(/\B(?=(\d{3})+$)/g, THIN);
}

/**
 * @param {number} live
 * @param {number} total
 */
export function liveText(live, total) {
  if (!total) return 'No cameras';
  return live === total ? `${total} live` : `${live} of ${total} live`;
}

/** @param {unknown} bytes a number, or unknown */
export function bytesText(bytes) {
  if (typeof bytes !== 'number') return UNKNOWN;
  for (const [unit, size] of BYTE_UNITS) {
    if (bytes >= size) {
      const value = bytes / size;
      return `${value.toFixed(value >= 100 ? 0 : 1)} ${unit}`;
    }
  }
  return `${bytes} B`;
}
