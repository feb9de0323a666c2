// The words in which ages, times and counts are said. Pure: no clock, no page.

export const UNKNOWN = '—';
const THIN = '\u202f';

/** [number, unit, error]: no more digits than the error allows, '<' when the error is larger. */
export function ageText(ms, error) {
  const age = Math.max(0, ms),
    step = error >= 50 ? 10 : 1;
  const round = value => Math.round(value / step) * step;
  if (error > age) {
    const most = age + error;
    return most < 1000
      ? [`< ${round(most)}`, 'ms', '']
      : [`< ${(most / 1000).toFixed(1)}`, 's', ''];
  }
  if (age < 1000) return [String(round(age)), 'ms', `±${Math.max(1, round(error))}`];
  if (error >= 500)
    return [(age / 1000).toFixed(0), 's', `±${Math.max(1, Math.round(error / 1000))}`];
  return [(age / 1000).toFixed(1), 's', `±${Math.max(0.1, error / 1000).toFixed(1)}`];
}

/** Where an age stands on the bar: logarithmic, 10 ms at the left, at the right the age at which the camera is stale. */
export function barPlace(ms, stale) {
  if (!Number.isFinite(stale)) return '0.0%'; // the server has not said yet
  const place = (100 * Math.log10(Math.max(ms, 10) / 10)) / Math.log10(stale / 10);
  return `${Math.max(0, Math.min(100, place)).toFixed(1)}%`;
}

/** A length of time in at most two units: 21 s, 2 min 15 s, 3 h 12 min, 4 days. */
export function lengthText(ms) {
  const s = Math.max(0, Math.floor(ms / 1000));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  const days = Math.floor(s / 86400);
  return days === 1 ? '1 day' : `${days} days`;
}

const two = n => String(n).padStart(2, '0');

/** 14:03:22, with the date when it is not today's. */
export function timeText(ms, now = Date.now()) {
  const t = new Date(ms),
    n = new Date(now);
  const clock = `${two(t.getHours())}:${two(t.getMinutes())}:${two(t.getSeconds())}`;
  return t.toDateString() === n.toDateString() ? clock : `${t.toLocaleDateString()} ${clock}`;
}

export const shortTime = ms => timeText(ms, ms).slice(0, 5);
export const fpsText = fps =>
  !fps
    ? ''
    : fps < 0.25
      ? `1 in ${lengthText(1000 / fps + 500)}`
      : `${fps >= 1.95 ? fps.toFixed(0) : fps.toFixed(1)} fps`;
export const countText = n =>
  n === null || n === undefined ? UNKNOWN : String(n).replace(/\B(?=(\d{3})+$)/g, THIN);

export function liveText(live, total) {
  if (!total) return 'No cameras';
  return live === total ? `${total} live` : `${live} of ${total} live`;
}

export function bytesText(bytes) {
  if (bytes === null || bytes === undefined) return UNKNOWN;
  for (const [unit, size] of [
    ['TB', 1e12],
    ['GB', 1e9],
    ['MB', 1e6],
    ['kB', 1e3],
  ]) {
    if (bytes >= size) return `${(bytes / size).toFixed(bytes / size >= 100 ? 0 : 1)} ${unit}`;
  }
  return `${bytes} B`;
}
