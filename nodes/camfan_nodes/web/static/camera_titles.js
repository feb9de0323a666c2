// What people call the cameras; their names are for machines.

const titles = new Map();

/** Takes over the titles that the server says, by name. */
export function learn(found) {
  titles.clear();
  for (const [camera, title] of Object.entries(found)) titles.set(camera, title);
}

/** Its title; its name if it has none. */
export const titleOf = camera => titles.get(camera) ?? camera;

/** Whether a camera may be meant by what is typed: a part of its name or its title. */
export function matches(camera, typed) {
  const wanted = typed.trim().toLowerCase();
  return camera.includes(wanted) || titleOf(camera).toLowerCase().includes(wanted);
}
