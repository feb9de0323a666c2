// The number of columns for a number of cameras and a window.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { matches, setTitles, titleOf } from '../../nodes/camfan_nodes/web/static/camera_titles.js';
import { fit } from '../../nodes/camfan_nodes/web/static/grid.js';

const caption = () => 24;

describe('the grid', () => {
  for (let n = 1; n <= 64; n++) {
    it(`of ${n} fits the window, and has a place for each`, () => {
      for (const [w, h] of [
        [1920, 1000],
        [1080, 1900],
        [3840, 2100],
        [800, 500],
        [3840, 500],
      ]) {
        const { c, r, tw } = fit(n, w, h, 4, caption);
        assert.ok(c * r >= n);
        assert.ok(c * (r - 1) < n, 'no empty row');
        assert.ok(c * tw + (c - 1) * 4 <= w);
        assert.ok(r * ((tw * 9) / 16 + 24) + (r - 1) * 4 <= h + 1);
      }
    });
  }

  it('of one takes the whole window', () => {
    assert.equal(fit(1, 1600, 2000, 4, caption).tw, 1600);
  });

  it('follows the shape of the window', () => {
    assert.equal(fit(4, 1600, 1000, 4, caption).c, 2);
    assert.equal(fit(4, 3200, 500, 4, caption).c, 4);
    assert.equal(fit(4, 500, 3200, 4, caption).c, 1);
  });
});

describe('a camera', () => {
  it('is found by a part of its name or its title', () => {
    setTitles({ cam1: 'Haustür 前门' });
    assert.equal(titleOf('cam1'), 'Haustür 前门');
    assert.equal(titleOf('cam2'), 'cam2');
    assert.ok(matches('cam1', ' haus'));
    assert.ok(matches('cam1', 'AM1'));
    assert.ok(!matches('cam2', 'haus'));
  });
});
