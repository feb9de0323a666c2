"""Turns the newest JPEG of each visible camera into a picture of the size it is shown at.

One worker thread, so that the window answers whatever the pictures do. Nothing waits here but
the newest frame of each camera: a slow machine shows fewer pictures, never older ones.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import simplejpeg
from numpy import uint8
from numpy.typing import NDArray

from camfan_nodes.monitor.board import ArrivedFrame
from camfan_nodes.viewer.grid import Box, letterbox


@dataclass(frozen=True, slots=True)
class DecodedTile:
    """A frame and its picture, or why there is none."""

    source: ArrivedFrame
    rgb: NDArray[uint8] | None = field(repr=False)  # (height, width, 3), at least the asked size
    width: int  # what it is to be shown at
    height: int
    trouble: str = ""


def decode(source: ArrivedFrame, width: int, height: int) -> DecodedTile:
    """The picture for a place of width x height, by scaled DCT where the JPEG is larger."""
    frame = source.frame
    place = letterbox(frame.width, frame.height, Box(0, 0, max(1, width), max(1, height)))
    try:
        # strict=False: cheap webcams write stray bytes that every decoder skips
        rgb = simplejpeg.decode_jpeg(
            frame.jpeg,
            "RGB",
            min_width=min(place.width, frame.width),
            min_height=min(place.height, frame.height),
            min_factor=1,
            fastdct=True,
            strict=False,
        )
    except (ValueError, RuntimeError, MemoryError) as exc:
        return DecodedTile(source, None, place.width, place.height, str(exc) or "not a JPEG")
    return DecodedTile(source, rgb, place.width, place.height)


class Decoder:
    """Hand in frames with `ask`, take pictures with `take`. Safe for any two threads."""

    def __init__(self, ready: Callable[[], None]) -> None:
        self._ready = ready  # called on the worker's thread when a picture can be taken
        self._changed = threading.Condition()
        self._asked: dict[str, tuple[ArrivedFrame, int, int]] = {}
        self._done: dict[str, DecodedTile] = {}
        self._stop = False
        self._thread = threading.Thread(target=self._run, name="decoder", daemon=True)
        self._thread.start()

    def ask(self, source: ArrivedFrame, width: int, height: int) -> None:
        """Decode this one; an older frame of the same camera that still waits is forgotten."""
        with self._changed:
            # to the end of the line: cameras in turn
            self._asked.pop(source.frame.camera, None)
            self._asked[source.frame.camera] = (source, width, height)
            self._changed.notify()

    def take(self) -> list[DecodedTile]:
        """What was finished since the last call, the newest of each camera."""
        with self._changed:
            done, self._done = self._done, {}
        return list(done.values())

    def close(self) -> None:
        with self._changed:
            self._stop = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._asked or self._stop)
                if self._stop:
                    return
                camera = next(iter(self._asked))
                source, width, height = self._asked.pop(camera)
            decoded = decode(source, width, height)
            with self._changed:
                self._done[camera] = decoded
            self._ready()
