"""Clocks, sources, publishers and videos for tests of camera nodes."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Literal, cast

import av
import numpy as np
import numpy.typing as npt

from camfan.ring.ring import CaptureCounts
from camfan_nodes.camera.source import (
    FULL_DEMAND,
    SLICE_S,
    Bgr,
    CameraSource,
    CapturedFrame,
    Idle,
    Planes,
    SkippedFrames,
    SourceCounts,
    SourceDemand,
)
from camfan_wire.errors import WireError
from camfan_wire.upright import upright_size

START_NS = 1_763_800_000_000_000_000


class FakeClock:
    """Time that passes only in `wait`; stops the node after this many seconds of it."""

    def __init__(self, stop_s: float = 1e9) -> None:
        self.now_ns = 1_000_000_000_000
        self.wall_ahead_ns = START_NS - self.now_ns
        self.stop_ns = self.now_ns + round(stop_s * 1e9)
        self.waited: list[float] = []

    def wall_ns(self) -> int:
        return self.now_ns + self.wall_ahead_ns

    def monotonic_ns(self) -> int:
        return self.now_ns

    def wait(self, seconds: float) -> bool:
        if seconds > 0:
            self.waited.append(seconds)
            self.now_ns += round(seconds * 1e9)
        return self.now_ns >= self.stop_ns


class Collected:
    """A publisher that keeps what it is given, and refuses what the real one refuses."""

    def __init__(self, *, sends: bool = True) -> None:
        self.counts = CaptureCounts()
        self.fps: float | None = None
        self.quality: int | None = None
        self.wants = itertools.repeat(True)  # the answers to come
        self.frames: list[tuple[bytes, int | None]] = []
        self.events: list[tuple[str, str, str, Mapping[str, object]]] = []
        self.sends = sends

    @property
    def jpegs(self) -> list[bytes]:
        return [jpeg for jpeg, _ in self.frames]

    def publish(self, jpeg: bytes, *, captured_ns: int | None = None, error_ns: int = 0) -> bool:
        try:
            upright_size(jpeg)
        except WireError:
            self.refuse()
            raise
        self.frames.append((jpeg, captured_ns))
        self.counts.captured += 1
        if self.sends:
            self.counts.sent += 1
        else:
            self.counts.unsent += 1
        return self.sends

    def wait_for_broker(self, seconds: float) -> bool:
        return True

    def wanted(self) -> bool:
        return next(self.wants)

    def idle(self) -> bool:
        return False

    def rest(self, seconds: float) -> None:
        """Without waiting."""

    def skip(self, pictures: int = 1) -> None:
        self.counts.captured += pictures
        self.counts.unwanted += pictures

    def refuse(self) -> None:
        self.counts.captured += 1
        self.counts.refused += 1

    def event(
        self,
        kind: str,
        state: Literal["start", "update", "end"],
        *,
        id: str | None = None,  # noqa: A002 - the word of the protocol
        details: Mapping[str, object] | None = None,
    ) -> str:
        name = id or f"event-{len(self.events)}"
        self.events.append((kind, state, name, details or {}))
        return name

    def report_now(self) -> None:
        """Not awaited here."""

    def check(self) -> None:
        """There is no other one here."""


Content = bytes | Planes | Bgr
Step = CapturedFrame | SkippedFrames | Idle | Exception | Callable[[], None]


class ScriptedSource:
    """A source that does what the test wrote down, one list for each time it is opened.

    After the last step of an opening it is silent; after the last opening, it is over.
    """

    def __init__(self, clock: FakeClock, *openings: Sequence[Step] | Exception) -> None:
        self.name = "the script"
        self.reopens = True
        self.counts = SourceCounts()
        self.description = "a script"
        self.opened_at: list[float] = []  # seconds of the clock
        self._clock = clock
        self._openings = list(openings)
        self._steps: list[Step] = []

    def look(self) -> None:
        """It can always be opened."""

    @contextmanager
    def open(self, demand: SourceDemand = FULL_DEMAND) -> Iterator[ScriptedSource]:
        self.opened_at.append(self._clock.now_ns / 1e9)
        opening = self._openings.pop(0) if self._openings else [Idle.ENDED]
        if isinstance(opening, Exception):
            raise opening
        self._steps = list(opening)
        yield self

    def capture(self) -> CapturedFrame | SkippedFrames | Idle:
        step = self._steps.pop(0) if self._steps else Idle.SILENT
        if isinstance(step, Exception):
            raise step
        if isinstance(step, Idle):
            if step is not Idle.ENDED:
                self._clock.wait(SLICE_S)
            return step
        if isinstance(step, CapturedFrame | SkippedFrames):
            return step
        step()
        return self.capture()


def drain(source: CameraSource) -> list[Content]:
    """All pictures of a source up to its end."""
    found = []
    with source.open() as stream:
        while (got := stream.capture()) is not Idle.ENDED:
            if isinstance(got, CapturedFrame):
                found.append(got.content)
    return found


def scene(index: int, width: int = 64, height: int = 48) -> npt.NDArray[np.uint8]:
    """A soft BGR picture whose brightness tells its index: mean about 20 + 8 * index."""
    image = np.full((height, width, 3), 20 + 8 * (index % 28), np.uint8)
    image[: height // 4, : width // 4] = 255  # marks the top left corner
    return image


def write_video(
    path: Path,
    frames: int = 10,
    *,
    codec: str = "mjpeg",
    fps: int = 10,
    size: tuple[int, int] = (64, 48),
    times: Sequence[int] | None = None,
    audio_only: bool = False,
) -> Path:
    """A video of `scene` pictures; `times` are milliseconds, else evenly `fps`."""
    with av.open(str(path), "w") as container:
        if audio_only:
            sound = container.add_stream("pcm_s16le", rate=8000)
            samples = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), layout="mono")
            samples.sample_rate = 8000
            container.mux(sound.encode(samples))
            return path
        stream = cast(av.VideoStream, container.add_stream(codec, rate=fps))
        stream.width, stream.height = size
        stream.bit_rate = 4_000_000  # enough to keep every brightness apart
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        if times is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        for index in range(frames):
            frame = av.VideoFrame.from_ndarray(scene(index, *size), format="bgr24")
            if times is not None:
                frame.pts, frame.time_base = times[index], Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def packets_of(path: Path) -> list[bytes]:
    """The bytes of every packet of a video, as they stand in the file."""
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(video=0) if packet.size]
