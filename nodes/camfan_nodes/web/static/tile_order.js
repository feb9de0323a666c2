// The order of tiles is the user's: by drag here, by Shift and arrows on the live page.

/** Lets a tile be dragged: `move(from, to)` are nodes; the first goes where the second is. */
export function drag(node, camera, move) {
  const grid = node.parentElement;
  node.addEventListener('dragstart', event => {
    event.dataTransfer.effectAllowed = 'move';
    event.dataTransfer.setData('text/plain', camera);
    node.classList.add('drag');
  });
  node.addEventListener('dragend', () => {
    for (const one of grid.children) one.classList.remove('drag', 'over');
  });
  node.addEventListener('dragover', event => {
    event.preventDefault();
    node.classList.add('over');
  });
  node.addEventListener('dragleave', () => node.classList.remove('over'));
  node.addEventListener('drop', event => {
    event.preventDefault();
    const dragged = event.dataTransfer.getData('text/plain');
    const moved = [...grid.children].find(one => one.dataset.camera === dragged);
    if (moved && moved !== node) move(moved, node);
  });
}

/** Puts a node where another is. */
export function put(moved, other) {
  const all = [...other.parentElement.children];
  other.parentElement.insertBefore(
    moved,
    all.indexOf(moved) < all.indexOf(other) ? other.nextSibling : other,
  );
}
