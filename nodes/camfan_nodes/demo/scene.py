"""A yard at dusk, drawn: people walk, a car passes, and for some seconds nothing happens.

It is what the demonstration films when there is neither a video nor a webcam. The loop has no
seam: everybody is out of the image at its ends, and the wind comes round.
"""

from __future__ import annotations

import cv2
import numpy as np

from camfan_nodes.demo.backdrop import HEIGHT, WIDTH, Picture, backdrop
from camfan_nodes.demo.figures import Car, Tree, Walker

FPS = 15
LOOP_S = 24.0
FRAMES = int(FPS * LOOP_S)

_NOISES = 7  # images of sensor noise, used in turn

_CAR = Car(enters_s=14.0, leaves_s=17.5)
_FAR = Walker(4.0, 9.5, 556, 132, (96, 84, 62), (58, 52, 50), to_the_right=False)
_NEAR = (
    Walker(1.5, 8.0, 664, 236, (58, 70, 168), (84, 66, 52)),
    Walker(15.5, 20.5, 694, 262, (128, 104, 60), (50, 48, 54), to_the_right=False),
)


class DrawnScene:
    """Draws any frame of the loop; the same number gives the same image."""

    def __init__(self) -> None:
        self._backdrop, self._before_street = backdrop()
        self._tree = Tree(1062, 566, LOOP_S)
        random = np.random.default_rng(3)
        self._noise = [
            random.normal(0, 2.2, (HEIGHT, WIDTH, 1)).astype(np.int16) for _ in range(_NOISES)
        ]

    def frame(self, number: int) -> Picture:
        at_s = number % FRAMES / FPS
        picture = self._backdrop.copy()
        if _CAR.paint(picture, at_s):
            cv2.copyTo(self._backdrop, self._before_street, picture)
        _FAR.paint(picture, at_s)
        self._tree.paint(picture, at_s)
        for walker in _NEAR:
            walker.paint(picture, at_s)
        noisy = picture.astype(np.int16) + self._noise[number % _NOISES]
        finished: Picture = np.clip(noisy, 0, 255).astype(np.uint8)
        return finished
