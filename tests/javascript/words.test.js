// Ages, times and counts in words.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import * as words from '../../nodes/camfan_nodes/web/static/words.js';

/**
 * @param {string} name
 * @param {(...values: any[]) => unknown} work
 * @param {[values: unknown[], text: unknown][]} cases
 */
function table(name, work, cases) {
  describe(name, () => {
    for (const [values, text] of cases) {
      it(`${values.join(', ')} is ${text}`, () => assert.deepEqual(work(...values), text));
    }
  });
}

table('ageText', words.ageText, [
  [
    [38, 1],
    ['38', 'ms', '±1'],
  ],
  [
    [38, 0.2],
    ['38', 'ms', '±1'],
  ],
  [
    [438, 60],
    ['440', 'ms', '±60'],
  ],
  [
    [10, 25],
    ['< 35', 'ms', ''],
  ],
  [
    [900, 1000],
    ['< 1.9', 's', ''],
  ],
  [
    [1234, 20],
    ['1.2', 's', '±0.1'],
  ],
  [
    [12345, 600],
    ['12', 's', '±1'],
  ],
  [
    [-5, 1],
    ['< 1', 'ms', ''],
  ],
]);

table('barPlace', words.barPlace, [
  [[0, 3000], '0.0%'],
  [[10, 3000], '0.0%'],
  [[100, 1000], '50.0%'],
  [[3000, 3000], '100.0%'],
  [[1e6, 3000], '100.0%'],
  [[100, Infinity], '0.0%'],
]);

table('lengthText', words.lengthText, [
  [[-1], '0 s'],
  [[21_900], '21 s'],
  [[135_000], '2 min 15 s'],
  [[11_520_000], '3 h 12 min'],
  [[86_400_000], '1 day'],
  [[4 * 86_400_000], '4 days'],
]);

table('fpsText', words.fpsText, [
  [[null], ''],
  [[0], ''],
  [[0.02], '1 in 50 s'],
  [[0.5], '0.5 fps'],
  [[1.94], '1.9 fps'],
  [[1.97], '2 fps'],
]);

table('countText', words.countText, [
  [[null], '—'],
  [[undefined], '—'],
  [[0], '0'],
  [[1234567], '1\u202f234\u202f567'],
]);

table('liveText', words.liveText, [
  [[0, 0], 'No cameras'],
  [[3, 3], '3 live'],
  [[0, 3], '0 of 3 live'],
]);

table('bytesText', words.bytesText, [
  [[null], '—'],
  [['many'], '—'],
  [[12], '12 B'],
  [[1_500], '1.5 kB'],
  [[123_456_789], '123 MB'],
  [[2e12], '2.0 TB'],
]);

describe('timeText', () => {
  const noon = new Date(2026, 5, 1, 12, 3, 4).getTime();

  it('has the date only if it is not of today', () => {
    assert.equal(words.timeText(noon, noon + 1000), '12:03:04');
    assert.match(words.timeText(noon, noon + 86_400_000), / 12:03:04$/);
    assert.equal(words.shortTime(noon), '12:03');
  });
});
