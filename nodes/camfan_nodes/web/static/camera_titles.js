// The titles of cameras: what people call them. Names are for machines.

/** @type {Map<string, string>} by camera */
const titles = new Map();

/**
 * Takes over the titles that the server sends.
 * @param {Record<string, string>} found by camera
 */
export function setTitles(found) {
  titles.clear();
  for (const [camera, title] of Object.entries(found)) titles.set(camera, title);
}

/**
 * The title; the name if the camera has none.
 * @param {string} camera
 */
export const titleOf = camera => titles.get(camera) ?? camera;

/**
 * Whether typed text is a part of the name or the title.
 * @param {string} camera
 * @param {string} typed
 */
export function matches(camera, typed) {
  const wanted = typed.trim().toLowerCase();
  return camera.includes(wanted) || titleOf(camera).toLowerCase().includes(wanted);
}
