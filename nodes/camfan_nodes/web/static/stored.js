// What this browser remembers of its user's choices; without storage: nothing.

/** @param {string} key */
const name = key => `camfan.${key}`;

/**
 * @template T
 * @param {string} key
 * @param {T} otherwise
 * @returns {T}
 */
export function load(key, otherwise) {
  try {
    return JSON.parse(localStorage.getItem(name(key)) ?? 'null') ?? otherwise;
  } catch {
    return otherwise;
  }
}

/**
 * @param {string} key
 * @param {unknown} value
 */
export function store(key, value) {
  try {
    localStorage.setItem(name(key), JSON.stringify(value));
  } catch {
    /* not remembered then */
  }
}
