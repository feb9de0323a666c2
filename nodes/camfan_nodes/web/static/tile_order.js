// The order of tiles is the user's: dragged with the pointer, or moved with Shift and the arrows.

/** @typedef {(moved: HTMLElement, other: HTMLElement) => void} Move the first goes to the second */

/**
 * Lets a tile be dragged to another one.
 * @param {HTMLElement} node a child of the grid
 * @param {string} camera
 * @param {Move} move
 */
export function drag(node, camera, move) {
  const tiles = () => /** @type {HTMLElement[]} */ ([...(node.parentElement?.children ?? [])]);
  node.addEventListener('dragstart', event => {
    if (!event.dataTransfer) return;
    event.dataTransfer.effectAllowed = 'move';
    event.dataTransfer.setData('text/plain', camera);
    node.classList.add('drag');
  });
  node.addEventListener('dragend', () => {
    for (const one of tiles()) one.classList.remove('drag', 'over');
  });
  node.addEventListener('dragover', event => {
    event.preventDefault();
    node.classList.add('over');
  });
  node.addEventListener('dragleave', () => node.classList.remove('over'));
  node.addEventListener('drop', event => {
    event.preventDefault();
    const dragged = event.dataTransfer?.getData('text/plain');
    const moved = tiles().find(one => one.dataset.camera === dragged);
    if (moved && moved !== node) move(moved, node);
  });
}

/**
 * Puts a tile where another one is.
 * @param {HTMLElement} moved
 * @param {HTMLElement} other
 */
export function put(moved, other) {
  const all = [...(other.parentElement?.children ?? [])];
  const forward = all.indexOf(moved) < all.indexOf(other);
  other.parentElement?.insertBefore(moved, forward ? other.nextSibling : other);
}
