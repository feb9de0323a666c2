// The place of the tiles: the largest 16:9 frames for any window. Never changes their order.

/** @typedef {{ c: number, r: number, score: number, tw: number }} Fit columns, rows, tile width */
/** @typedef {(tileWidth: number) => number} Caption the height of a caption, px */
/**
 * @typedef {object} Room What the window offers, px.
 * @property {number} w
 * @property {number} h
 * @property {number} gap
 * @property {number} rem
 * @property {boolean} phone
 * @property {boolean} wall
 */

const DENSE = 25; // tiles from which captions and gaps are smaller
const LIST_FROM = 12; // rem that the list beside the grid needs
const WALL_LIST_FROM = 10;
const STEPS = 16; // of the search for a width: a fraction of a pixel

/**
 * The number of columns with the largest tile for n cameras in w x h. Empty places in the last row
 * count against it.
 * @param {number} n
 * @param {number} w
 * @param {number} h
 * @param {number} gap
 * @param {Caption} caption
 * @returns {Fit}
 */
export function fit(n, w, h, gap, caption) {
  /** @type {Fit | null} */
  let best = null;
  for (let c = 1; c <= n; c++) {
    const r = Math.ceil(n / c);
    const tw = tileWidth((w - (c - 1) * gap) / c, (h - (r - 1) * gap) / r, caption);
    const score = tw * (1 - (0.5 * (c * r - n)) / (c * r));
    if (!best || score > best.score) best = { c, r, score, tw: Math.floor(tw) };
  }
  return best ?? { c: 1, r: 1, score: 0, tw: 0 };
}

/**
 * The largest width of a tile that fits with its caption, which grows with the tile.
 * @param {number} wide
 * @param {number} high
 * @param {Caption} caption
 */
function tileWidth(wide, high, caption) {
  const fits = (/** @type {number} */ tw) => (tw * 9) / 16 + caption(tw) <= high;
  if (fits(wide)) return wide;
  let [low, above] = [0, wide];
  for (let step = 0; step < STEPS; step++) {
    const middle = (low + above) / 2;
    if (fits(middle)) low = middle;
    else above = middle;
  }
  return low;
}

/**
 * Lays out the grid for n tiles; the list beside it gets the rest of the width.
 * @param {HTMLElement} grid
 * @param {HTMLElement} list
 * @param {number} n
 * @param {{ wall?: boolean, withList?: boolean }} options
 */
export function layout(grid, list, n, { wall = false, withList = true } = {}) {
  const room = measure(grid, n, wall);
  grid.style.setProperty('--gap', `${room.gap}px`);
  grid.classList.toggle('dense', n > DENSE);
  if (n < 1) {
    flow(grid, list, 1);
    list.classList.toggle('on', withList && !room.phone);
    return;
  }
  const best = fit(n, room.w, room.h, room.gap, captionFor(n, room));
  const columns = flowingColumns(n, best, room);
  const left = room.w - best.c * best.tw - (best.c - 1) * room.gap;
  const rail = withList && left >= listWidth(room);
  if (columns) flow(grid, list, columns);
  else if (!rail && !wall && n > 1 && isTall(best, room)) flow(grid, list, best.c);
  else fix(grid, list, best, room, { rail, left });
}

/**
 * @param {HTMLElement} grid
 * @param {number} n
 * @param {boolean} wall
 * @returns {Room}
 */
function measure(grid, n, wall) {
  const stage = grid.parentElement ?? grid;
  const style = getComputedStyle(stage);
  const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
  const phone = innerWidth < 600;
  const padding = parseFloat(style.paddingLeft) + parseFloat(style.paddingRight);
  const top = grid.getBoundingClientRect().top + scrollY; // also below a banner
  const below = (wall ? 4 : 12) + (phone && !wall ? 56 : 0);
  const gap = n > DENSE || wall ? 4 : 6;
  return { w: stage.clientWidth - padding, h: innerHeight - top - below, gap, rem, phone, wall };
}

/**
 * @param {number} n
 * @param {Room} room
 * @returns {Caption}
 */
function captionFor(n, { rem, wall }) {
  const lines = n > DENSE ? 1.76 : 2.07;
  return tw => {
    const largest = (wall ? 2.25 : 1.125) * rem;
    const text = Math.max(0.75 * rem, Math.min(largest, tw * (wall ? 0.06 : 0.054)));
    return text * lines + Math.max(4, Math.min(8, tw * 0.01)) + 1;
  };
}

/** @param {Room} room */
const listWidth = ({ wall, rem, w }) =>
  wall ? Math.max(WALL_LIST_FROM * rem, 0.12 * w) : LIST_FROM * rem;

/**
 * The columns of a grid that scrolls because its tiles would be too small; 0: it need not.
 * @param {number} n
 * @param {Fit} best
 * @param {Room} room
 */
function flowingColumns(n, best, { w, gap, rem, phone, wall }) {
  if (wall) return 0; // on a wall nothing scrolls
  if (phone && n > 1) return 2;
  const least = phone ? 160 : 9 * rem;
  if (best.tw >= Math.min(least, w)) return 0;
  return n === 1 ? 1 : Math.max(2, Math.floor((w + gap) / (Math.max(least, 160) + gap)));
}

/**
 * On a tall screen tiles are as wide as they can be, and the page scrolls.
 * @param {Fit} best
 * @param {Room} room
 */
const isTall = (best, { w, gap }) => best.tw < (0.88 * (w - (best.c - 1) * gap)) / best.c;

/**
 * @param {HTMLElement} grid
 * @param {HTMLElement} list
 * @param {number} columns
 */
function flow(grid, list, columns) {
  grid.classList.remove('fixed', 'fit');
  grid.style.setProperty('--cols', String(columns));
  list.classList.remove('on');
}

/**
 * @param {HTMLElement} grid
 * @param {HTMLElement} list
 * @param {Fit} best
 * @param {Room} room
 * @param {{ rail: boolean, left: number }} beside
 */
function fix(grid, list, best, { rem, wall }, { rail, left }) {
  grid.classList.add('fit');
  grid.classList.toggle('fixed', rail || wall);
  grid.style.setProperty('--ph', `${Math.floor((best.tw * 9) / 16)}px`); // never cropped
  grid.style.setProperty('--cols', String(best.c));
  grid.style.setProperty('--tw', `${best.tw}px`);
  list.classList.toggle('on', rail);
  if (!wall) return;
  const size = Math.min(2.25 * rem, Math.max(rem, left / 13)); // as large as there is room for
  list.style.setProperty('--list', `${size.toFixed(1)}px`);
}
