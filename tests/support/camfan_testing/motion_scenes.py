"""Pictures made up for the motion detector: a scene, its noise, and what passes through it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from camfan_config.types import Motion
from camfan_nodes.motion.detector import Detector
from camfan_nodes.motion.event_steps import EventStep

Gray = NDArray[np.uint8]
Scene = NDArray[np.float32]

SECOND = 1_000_000_000
HISSES = 23  # of each size
START_NS = 1_763_800_000 * SECOND


def textured(width: int = 320, height: int = 180, *, seed: int = 1, contrast: float = 25) -> Scene:
    """A scene with large and small shapes, grey 110 on average; always the same for a seed."""
    generator = np.random.default_rng(seed)
    scene = np.zeros((height, width), np.float32)
    for sigma, share in ((2.0, 0.3), (6.0, 0.7), (20.0, 1.0)):
        layer = generator.normal(0, 1, (height, width)).astype(np.float32)
        layer = np.asarray(cv2.GaussianBlur(layer, (0, 0), sigma), np.float32)
        scene += np.float32(share) * layer / np.float32(layer.std())
    return np.float32(110) + np.float32(contrast) * scene / np.float32(scene.std())


def flat(width: int = 320, height: int = 180, *, grey: float = 90) -> Scene:
    """A scene with nothing in it."""
    return np.full((height, width), grey, np.float32)


def with_box(scene: Scene, x: float, y: float, *, side: int = 30, grey: float = 230) -> Scene:
    """The scene with a square whose top left corner is at pixel (x, y); it may hang over."""
    shown = scene.copy()
    height, width = scene.shape
    left, top = max(0, round(x)), max(0, round(y))
    right, bottom = min(width, round(x) + side), min(height, round(y) + side)
    if left < right and top < bottom:
        shown[top:bottom, left:right] = grey
    return shown


def shot(scene: Scene, generator: np.random.Generator, *, noise: float = 2.5) -> Gray:
    """What a camera makes of the scene: noisy, and in whole grey levels from 0 to 255."""
    hiss = _hisses(scene.shape)[generator.integers(HISSES)]
    noisy = np.rint(scene + np.float32(noise) * hiss)
    return np.asarray(np.clip(noisy, 0, 255), np.uint8)


@cache
def _hisses(shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Normal noise, made once: it takes longer to make than to detect motion in."""
    generator = np.random.default_rng(11)
    return generator.normal(0, 1, (HISSES, *shape)).astype(np.float32)


def film(
    scene_at: Callable[[float], Scene],
    seconds: float,
    *,
    fps: float = 5,
    noise: float = 2.5,
    seed: int = 7,
) -> Iterable[tuple[Gray, int]]:
    """Pictures and their times; `scene_at` is asked with the seconds since the beginning."""
    generator = np.random.default_rng(seed)
    for number in range(round(seconds * fps)):
        at_s = number / fps
        yield shot(scene_at(at_s), generator, noise=noise), START_NS + round(at_s * SECOND)


def watch(
    pictures: Iterable[tuple[Gray, int]],
    settings: Motion | None = None,
    *,
    zones: dict[str, tuple[tuple[float, float], ...]] | None = None,
    masks: dict[str, tuple[tuple[float, float], ...]] | None = None,
) -> list[EventStep]:
    """All that a detector says of the pictures, with the end of what is open at the end."""
    detector = Detector(settings or Motion(), zones=zones, masks=masks)
    changes: list[EventStep] = []
    for gray, time_ns in pictures:
        changes += detector.feed(gray, time_ns)
    return changes + detector.close()


def ended(changes: Iterable[EventStep], kind: str = "motion") -> list[EventStep]:
    """The events of one kind, each as it ended."""
    return [change for change in changes if change.kind == kind and change.state == "end"]


def seconds(time_ns: int) -> float:
    """Since the beginning of a film."""
    return (time_ns - START_NS) / SECOND
