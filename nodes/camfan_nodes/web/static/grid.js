// Where the tiles go: the largest 16:9 pictures for any window. Never reorders.

/** The column count with the largest tile for n cameras in w x h; holes in the last row count against it. */
export function fit(n, w, h, gap, caption) {
  let best = null;
  for (let c = 1; c <= n; c++) {
    const r = Math.ceil(n / c);
    const wide = (w - (c - 1) * gap) / c,
      high = (h - (r - 1) * gap) / r;
    let tw = wide;
    for (let k = 0; k < 6; k++) tw = Math.min(wide, (tw + ((high - caption(tw)) * 16) / 9) / 2); // the caption grows with the tile
    const score = tw * (1 - (0.5 * (c * r - n)) / (c * r));
    if (!best || score > best.score) best = { c, r, score, tw: Math.floor(tw) };
  }
  return best;
}

/** Lays out the grid for so many tiles; the list beside it takes what it leaves over. */
export function layout(grid, now, n, { wall = false, list = true } = {}) {
  const stage = grid.parentElement,
    style = getComputedStyle(stage);
  const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
  const phone = innerWidth < 600;
  const w = stage.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
  const top = grid.getBoundingClientRect().top + scrollY; // also below a banner
  const h = innerHeight - top - (wall ? 4 : 12) - (phone && !wall ? 56 : 0);
  const gap = n > 25 || wall ? 4 : 6,
    room = wall ? Math.max(10 * rem, 0.12 * w) : 12 * rem;
  const text = tw =>
    Math.max(0.75 * rem, Math.min((wall ? 2.25 : 1.125) * rem, tw * (wall ? 0.06 : 0.054)));
  const caption = tw => text(tw) * (n > 25 ? 1.76 : 2.07) + Math.max(4, Math.min(8, tw * 0.01)) + 1;
  grid.style.setProperty('--gap', `${gap}px`);
  grid.classList.toggle('dense', n > 25);
  const flow = columns => {
    grid.classList.remove('fixed', 'fit');
    grid.style.setProperty('--cols', columns);
    now.classList.remove('on');
  };
  if (n < 1) {
    flow(1);
    now.classList.toggle('on', list && !phone);
    return;
  }
  const best = fit(n, w, h, gap, caption),
    least = wall ? 0 : phone ? 160 : 9 * rem; // on a wall there is no scrolling
  if (phone && !wall && n > 1) {
    flow(2);
    return;
  }
  if (best.tw < Math.min(least, w)) {
    // too small to be of use: fill the width and scroll
    flow(n === 1 ? 1 : Math.max(2, Math.floor((w + gap) / (Math.max(least, 160) + gap))));
    return;
  }
  const wide = (w - (best.c - 1) * gap) / best.c;
  const left = w - best.c * best.tw - (best.c - 1) * gap,
    rail = list && left >= room;
  if (!rail && !wall && n > 1 && best.tw < 0.88 * wide) {
    flow(best.c);
    return;
  } // tall screens: full width and scroll
  grid.classList.add('fit');
  grid.style.setProperty('--ph', `${Math.floor((best.tw * 9) / 16)}px`); // a wider box, the same picture: never cropped
  now.classList.toggle('on', rail);
  if (wall)
    now.style.setProperty(
      '--list',
      `${Math.min(2.25 * rem, Math.max(rem, left / 13)).toFixed(1)}px`,
    ); // as large as there is room for it
  grid.classList.toggle('fixed', rail || wall);
  grid.style.setProperty('--cols', best.c);
  grid.style.setProperty('--tw', `${best.tw}px`);
}
