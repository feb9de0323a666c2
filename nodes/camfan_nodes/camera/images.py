"""The source `images`: a folder of JPEGs, in the order of their names, untouched.

Whatever in the folder is not one whole JPEG, even after repairs (`jpeg_repair.py`), is left out and
counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from camfan_config.text.units import short_rate
from camfan_config.types import ImagesCamera
from camfan_nodes.camera.clock import Clock
from camfan_nodes.camera.jpeg_repair import repair_jpeg
from camfan_nodes.camera.pacing import Pacer
from camfan_nodes.camera.source import (
    FULL_DEMAND,
    CapturedFrame,
    Idle,
    SkippedFrames,
    SourceCounts,
    SourceDemand,
    SourceError,
)
from camfan_nodes.camera.words import describe_missing, reason_of
from camfan_wire.errors import WireError
from camfan_wire.jpeg import MAX_BYTES, picture_size

FPS = 1.0


def make_source(_name: str, camera: ImagesCamera, clock: Clock) -> ImagesSource:
    return ImagesSource(camera, clock)


class ImagesSource:
    def __init__(self, camera: ImagesCamera, clock: Clock) -> None:
        self.name = camera.path
        self.reopens = True
        self.counts = SourceCounts()
        self._camera = camera
        self._clock = clock

    def look(self) -> None:
        """Raises SourceError for a folder that is missing or empty."""
        if not list_folder(Path(self._camera.path)):
            raise SourceError(f"{self._camera.path}: the folder is empty")

    @contextmanager
    def open(self, demand: SourceDemand = FULL_DEMAND) -> Iterator[ImagesStream]:
        """Raises SourceError when there is no folder, or no JPEG in it."""
        yield ImagesStream(self._camera, self.counts, self._clock, demand)


class ImagesStream:
    """One showing of the folder; again and again when it loops, new frames included."""

    def __init__(
        self,
        camera: ImagesCamera,
        counts: SourceCounts,
        clock: Clock,
        demand: SourceDemand = FULL_DEMAND,
    ) -> None:
        self._demand = demand
        self._folder = Path(camera.path)
        self._loop = camera.loop
        self._fps = camera.fps or FPS
        self._counts = counts
        self._clock = clock
        self._pacer = Pacer(clock)
        self._due_s = 0.0
        self._jpegs = self._read_all()
        self._next = next(self._jpegs, None)
        self.description = f"JPEGs of {self._folder}, untouched, at {short_rate(camera.fps or FPS)}"

    def capture(self) -> CapturedFrame | SkippedFrames | Idle:
        """The next JPEG, when its time has come."""
        if self._next is None:
            self._next = next(self._jpegs, None)
        if self._next is None:
            return Idle.ENDED
        if not self._pacer.reached(self._due_s):
            return Idle.PACED
        self._due_s += 1 / (self._demand.fps or self._fps)
        jpeg, self._next = self._next, None
        if not self._demand.wanted():
            return SkippedFrames()
        return CapturedFrame(jpeg, self._clock.wall_ns())

    def _read_all(self) -> Iterator[bytes]:
        """Raises SourceError when a showing has no frame at all."""
        while True:
            paths, good = list_folder(self._folder), 0
            for path in paths:
                if (jpeg := self._read(path)) is not None:
                    good += 1
                    yield jpeg
            if not good:
                found = f"found {len(paths)} other files, such as {paths[0].name}" if paths else ""
                raise SourceError(f"{self._folder}: no JPEG in it; {found or 'it is empty'}")
            if not self._loop:
                return

    def _read(self, path: Path) -> bytes | None:
        try:
            if path.stat().st_size <= MAX_BYTES:
                jpeg = repair_jpeg(path.read_bytes())
                picture_size(jpeg)
                return jpeg
        except (OSError, WireError):
            pass  # counted below: no frame, for whatever reason
        self._counts.unreadable += 1
        return None


def list_folder(folder: Path) -> list[Path]:
    """The files that could be frames, in the order of their names. Raises SourceError."""
    try:
        entries = sorted(folder.iterdir())
    except FileNotFoundError:
        raise SourceError(describe_missing(folder)) from None
    except NotADirectoryError:
        raise SourceError(
            f"{folder}: a file, not a folder; the source `file` plays videos"
        ) from None
    except OSError as exc:
        raise SourceError(f"{folder}: cannot be read: {reason_of(exc)}") from exc
    return [path for path in entries if path.is_file() and not path.name.startswith(".")]
