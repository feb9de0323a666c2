// The tables of the site page.

import { MARK, RANK, TONE, isLive } from './camera_observer.js';
import { openSettings } from './camera_settings.js';
import { matches, titleOf } from './camera_titles.js';
import { $, el, input } from './dom.js';
import { update } from './dom_update.js';
import { badge, counted, fillTable, unknown } from './table.js';
import { UNKNOWN, ageText, bytesText, countText, fpsText, lengthText, timeText } from './words.js';

/** @typedef {import('./table.js').Cell} Cell */

const HOT_C = 80;

/**
 * @param {Server.CameraInfo[]} all
 * @param {{ canSet: boolean }} options
 */
export function showCameras(all, { canSet }) {
  const typed = input('#find').value;
  const rank = (/** @type {Server.CameraInfo} */ one) => RANK.indexOf(one.state);
  const found = all.filter(one => matches(one.name, typed));
  found.sort((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name));
  /** @type {Cell[]} */
  const head = [
    ['Camera'],
    ['State'],
    ['Rate', '.num.desk'],
    ['Age', '.num'],
    ['Lost', '.num'],
    ['Recorded', '.desk'],
    ['Last trouble', '.desk'],
  ];
  if (canSet) head.push([el('span.vh', {}, 'Set'), '.desk']);
  const rows = found.map(one => ({
    key: one.name,
    cells: canSet ? [...cameraCells(one), setCell(one)] : cameraCells(one),
  }));
  const nothing = all.length
    ? `No camera has “${typed.trim()}” in its name or title.`
    : 'You may not see any camera of this site.';
  fillTable($('#cameras'), head, rows, nothing);
}

/**
 * @param {Server.CameraInfo} one
 * @returns {Cell[]}
 */
function cameraCells(one) {
  const trouble = [one.lost_where, one.trouble].filter(Boolean).join('; ');
  return [
    [cameraName(one)],
    [badge(one.state, TONE[one.state], MARK[one.state])],
    [fpsText(one.fps) || unknown(), '.num.desk'],
    [cameraAge(one), '.num'],
    [counted(one.lost, 'bad'), '.num'],
    [recorded(one), '.desk'],
    [el('span.soft', {}, trouble), '.desk.why'],
  ];
}

/** @param {Server.CameraInfo} one */
function cameraName({ name, title }) {
  const link = { href: `/live#${encodeURIComponent(name)}` };
  const second = title === name ? null : el('span.soft', {}, ` ${name}`);
  return el('span', {}, el('a', link, el('b', {}, el('bdi', {}, title))), second);
}

/** @param {Server.CameraInfo} one */
function cameraAge({ state, age_ms: age, age_error_ms: error }) {
  if (age === null) return unknown();
  if (!isLive(state)) return `${lengthText(age)} old`;
  return ageText(age, error ?? 0)
    .join(' ')
    .trim();
}

/** @param {Server.CameraInfo} one */
function recorded({ recorded_until: until, recorders }) {
  if (until) return `until ${timeText(until)}`;
  return recorders ? 'not yet' : el('span.dim', {}, 'not recorded');
}

/**
 * @param {Server.CameraInfo} one
 * @returns {Cell}
 */
function setCell({ name, title }) {
  const onclick = () => openSettings(name, titleOf(name));
  const button = el('button.btn.small.plain', { 'aria-label': `Set ${title}`, onclick }, 'Set');
  return [button, '.desk'];
}

/** @param {Server.NodeInfo[]} all */
export function showNodes(all) {
  /** @type {Cell[]} */
  const head = [
    ['Node'],
    ['Kind', '.desk'],
    ['Host', '.desk'],
    ['State'],
    ['Temperature', '.num.desk'],
    ['Memory', '.num.desk'],
    ['Up', '.num.desk'],
    ['Message', '.desk'],
  ];
  const rows = all.map(one => ({ key: one.name, cells: nodeCells(one) }));
  fillTable($('#nodes'), head, rows, 'No node has reported yet.');
}

/**
 * @param {Server.NodeInfo} one
 * @returns {Cell[]}
 */
function nodeCells(one) {
  const { name, kind, host, state, well, message, uptime_s: up } = one;
  const warn = well ? '' : 'warn';
  return [
    [el('b', {}, name)],
    [kind, '.desk.soft'],
    [host || UNKNOWN, '.desk.soft'],
    [badge(state, warn, warn)],
    [temperature(one.machine?.temperature_c ?? null), '.num.desk'],
    [bytesText(one.memory_bytes), '.num.desk'],
    [up === null ? unknown() : lengthText(up * 1000), '.num.desk'],
    [el('span.soft', {}, message), '.desk.why'],
  ];
}

/** @param {number | null} celsius */
function temperature(celsius) {
  if (celsius === null) return unknown();
  return el(celsius >= HOT_C ? 'b.bad' : 'span', {}, `${celsius.toFixed(0)} °C`);
}

/** @param {Server.ClientInfo[]} all */
export function showClients(all) {
  /** @type {Cell[]} */
  const head = [
    ['User'],
    ['Address', '.desk'],
    ['Open', '.num.desk'],
    ['Cameras', '.num'],
    ['Sent', '.num.desk'],
    ['Skipped', '.num.desk'],
    ['Under way', '.num.desk'],
    ['Age when painted', '.num'],
  ];
  const rows = all.map(one => ({ key: one.number, cells: clientCells(one) }));
  fillTable($('#clients'), head, rows, 'No page with pictures is open.');
}

/**
 * @param {Server.ClientInfo} one
 * @returns {Cell[]}
 */
function clientCells(one) {
  const { age_p50_ms: middle, age_p95_ms: most } = one;
  const age =
    middle === null || most === null
      ? unknown()
      : `${Math.round(middle)} ms, p95 ${Math.round(most)} ms`;
  return [
    [el('b', {}, one.user)],
    [one.address, '.desk.soft'],
    [lengthText(one.open_s * 1000), '.num.desk'],
    [String(one.tiles), '.num'],
    [`${countText(one.sent)}, ${bytesText(one.sent_bytes)}`, '.num.desk'],
    [countText(one.skipped), '.num.desk'],
    [`${one.under_way} of ${one.window}`, '.num.desk'],
    [age, '.num'],
  ];
}

/** @param {Server.Overview} site */
export function showReaders({ readers, hops, connected }) {
  $('#readers-part').hidden = !hops.length;
  /** @type {Cell[]} */
  const head = [
    ['Subscriber'],
    ['Mode', '.desk'],
    ['Delivered', '.num'],
    ['Skipped', '.num'],
    ['Lost', '.num'],
    ['Held', '.num.desk'],
    ['Reasons', '.desk'],
  ];
  const rows = readers.map(one => ({ key: one.name, cells: readerCells(one) }));
  const nothing = connected
    ? 'No subscriber reads frames now.'
    : 'The broker has not reported yet.';
  fillTable($('#readers'), head, rows, nothing);
}

/**
 * @param {Server.ReaderAccount} one
 * @returns {Cell[]}
 */
function readerCells(one) {
  const reasons = [];
  if (one.skipped_why) reasons.push(`skipped: ${one.skipped_why}`);
  if (one.lost_why) reasons.push(`lost: ${one.lost_why}`);
  return [
    [el('b', {}, one.name)],
    [one.mode, '.desk.soft'],
    [counted(one.delivered), '.num'],
    [counted(one.skipped), '.num'],
    [counted(one.lost, 'bad'), '.num'],
    [counted(one.held), '.num.desk'],
    [el('span.soft', {}, reasons.join('; ')), '.desk.why'],
  ];
}

/** @param {Server.FrameHop[]} all */
export function showHops(all) {
  $('#hops-part').hidden = !all.length;
  update($('#hops'), ...all.map((hop, at) => hopNode(hop, at === all.length - 1)));
}

/**
 * @param {Server.FrameHop} hop
 * @param {boolean} last
 */
function hopNode({ name, frames, lost, why }, last) {
  const reason = lost ? why : lost === null ? UNKNOWN : 'none lost';
  const count = lost ? el('b.bad', {}, `${countText(lost)} lost`) : null;
  return el(
    'li',
    {},
    el('div.nm', {}, name),
    el('div.ct', {}, countText(frames)),
    el('span.wire'),
    last ? null : el(`div.drop${lost ? '.d-bad' : ''}`, {}, count, reason),
  );
}

/** @param {Server.NodeInfo[]} nodes */
export function showRecorders(nodes) {
  const found = nodes.filter(one => one.kind === 'recorder');
  update($('#recorders'), ...found.flatMap(recorderNodes));
}

/** @param {Server.NodeInfo} one */
function recorderNodes({ name, well, state, message, recorder }) {
  return [
    el('h2', {}, name, el('span', {}, 'recorder')),
    el(`p.big.pad${well ? '' : '.bad'}`, {}, state),
    el('p.soft', {}, message || writtenText(recorder)),
  ];
}

/** @param {Server.NodeInfo['recorder']} recorder */
function writtenText(recorder) {
  if (recorder === null) return 'It has not reported yet.';
  const cameras = Object.values(recorder.cameras);
  const frames = cameras.reduce((sum, one) => sum + one.frames, 0);
  const bytes = cameras.reduce((sum, one) => sum + one.bytes, 0);
  const free = bytesText(recorder.disk_free_bytes);
  return `${free} free; ${countText(frames)} frames, ${bytesText(bytes)} written since it started.`;
}
