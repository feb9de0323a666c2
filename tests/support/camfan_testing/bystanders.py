"""Honest cameras and readers beside an attack: what they lose, and how old their pictures get."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from dataclasses import dataclass, field

from camfan import ClosedError, Frame, Gap, Subscriber
from camfan_config import Site
from camfan_testing.jpegs import jpeg
from camfan_testing.live import Camera, wait_until

FPS = 15.0


@dataclass
class Reader:
    """One subscriber on a thread of its own."""

    subscriber: Subscriber[Frame | Gap]
    ages_s: list[float] = field(default_factory=list)
    frames: int = 0
    gaps: list[Gap] = field(default_factory=list)
    last: dict[str, int] = field(default_factory=dict)

    def run(self) -> None:
        try:
            for item in self.subscriber:
                if isinstance(item, Gap):
                    self.gaps.append(item)
                elif isinstance(item, Frame):
                    self.frames += 1
                    self.last[item.camera] = item.sequence
                    if item.age is not None:
                        self.ages_s.append(item.age.seconds)
        except ClosedError:
            return

    def take_p99_s(self) -> float:
        """Of the frames since the last call."""
        ages, self.ages_s = sorted(self.ages_s), []
        return ages[int(len(ages) * 0.99)] if ages else float("nan")


class Bystanders:
    """Cameras that publish, viewers of the newest frames and one reader of every frame."""

    def __init__(self, site: Site, cameras: list[str], viewers: int = 1) -> None:
        self._stack = ExitStack()
        pictures = [jpeg(640, 480, seed) for seed in range(4)]
        self.cameras = [Camera(site, name, FPS, pictures) for name in cameras]
        self.viewers = [Reader(Subscriber.latest(site, cameras)) for _ in range(viewers)]
        self.recorder = Reader(Subscriber.every(site, cameras, events=True))  # type: ignore[arg-type]

    def __enter__(self) -> Bystanders:
        for camera in self.cameras:
            self._stack.enter_context(camera)
        for reader in (*self.viewers, self.recorder):
            self._stack.callback(reader.subscriber.close)
            threading.Thread(target=reader.run, daemon=True).start()
        wait_until(
            lambda: all(len(r.last) == len(self.cameras) for r in (*self.viewers, self.recorder)),
            60,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def p99_s(self) -> float:
        """The age of the viewers' frames since the last call; of the worst viewer."""
        return max(viewer.take_p99_s() for viewer in self.viewers)

    def frames(self) -> int:
        """All frames that the reader of every frame has received."""
        return self.recorder.frames

    def lost(self) -> list[Gap]:
        """Frames that the reader of every frame did not get; unwanted ones do not count."""
        return [gap for gap in self.recorder.gaps if gap.reason != "unwanted"]
