"""Footage with labels, watched by the motion detector, and how well it did."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from camfan_config.types import Motion
from camfan_nodes.motion.detector import Detector
from camfan_nodes.motion.event_steps import EventStep
from camfan_nodes.motion.pictures import decoding_scale
from camfan_nodes.motion.video import NOMINAL_FPS, Video
from camfan_testing.motion_scenes import SECOND

Gray = NDArray[np.uint8]
Interval = tuple[float, float]  # seconds, both ends included
Times = Callable[[int], float]  # number of a frame: seconds since the first


@dataclass(frozen=True, slots=True)
class Labels:
    """Intervals as frame numbers, both ends included, as in `*.labels.json`."""

    motion: tuple[tuple[int, int], ...]
    no_motion: tuple[tuple[int, int], ...]
    region: tuple[int, int, int, int] | None  # x, y, width, height in pixels; None: everywhere

    @classmethod
    def load(cls, path: Path) -> Labels:
        raw = json.loads(path.read_text(encoding="utf-8"))
        region = raw.get("region_xywh")
        return cls(
            motion=tuple((first, last) for first, last in raw["motion"]),
            no_motion=tuple((first, last) for first, last in raw["no_motion"]),
            region=tuple(region) if region else None,
        )

    def motion_s(self, times: Times) -> list[Interval]:
        return [(times(first), times(last)) for first, last in self.motion]

    def no_motion_s(self, times: Times) -> list[Interval]:
        return [(times(first), times(last)) for first, last in self.no_motion]


@dataclass(frozen=True, slots=True)
class Score:
    """How the events of a clip lie beside its labels."""

    found: int  # labelled intervals that an event overlaps
    labelled: int
    events: int
    false: int  # events that lie in `no_motion` and touch no labelled interval
    quiet_s: float  # length of `no_motion`
    disturbed_s: float  # of it, covered by events

    def __str__(self) -> str:
        return (
            f"found {self.found}/{self.labelled}, {self.events} events, {self.false} false,"
            f" {self.disturbed_s:.1f} of {self.quiet_s:.1f} quiet seconds covered"
        )


def score(events: Iterable[Interval], labels: Labels, times: Times) -> Score:
    seen = list(events)
    motion, quiet = labels.motion_s(times), labels.no_motion_s(times)
    return Score(
        found=sum(any(_overlap(event, label) for event in seen) for label in motion),
        labelled=len(motion),
        events=len(seen),
        false=sum(
            any(_overlap(event, label) for label in quiet)
            and not any(_overlap(event, label) for label in motion)
            for event in seen
        ),
        quiet_s=sum(last - first for first, last in quiet),
        disturbed_s=sum(_common(event, label) for event in seen for label in quiet),
    )


def even_times(fps: float) -> Times:
    """Frames that are equally far apart."""
    return lambda number: number / fps


def times_of(path: Path) -> Times:
    """When each frame of a video is shown, by its own time stamps if it has any."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stamps = sorted(packet.pts for packet in container.demux(stream) if packet.pts is not None)
        if not stamps or stream.time_base is None:
            return even_times(NOMINAL_FPS)
        seconds = [float((stamp - stamps[0]) * stream.time_base) for stamp in stamps]
    return lambda number: seconds[number]


def watch_clip(
    path: Path, settings: Motion | None = None, *, jpeg: bool = False, region: Labels | None = None
) -> list[EventStep]:
    """The events of a video as they ended; `jpeg`: as if sent by a camera."""
    motion = settings or Motion()
    detector: Detector | None = None
    changes: list[EventStep] = []
    with Video(path) as video:
        for shot in video.pictures(motion.fps):
            if detector is None:
                height, width = shot.gray.shape
                detector = Detector(motion, zones=_zones(region, width, height))
            gray = through_jpeg(shot.gray) if jpeg else shot.gray
            changes += detector.feed(gray, round(shot.at_s * SECOND))
    assert detector is not None
    changes += detector.close()
    return [change for change in changes if change.state == "end"]


def through_jpeg(gray: Gray) -> Gray:
    """The picture encoded by a camera and decoded small, as a motion node does."""
    sent = simplejpeg.encode_jpeg(np.ascontiguousarray(gray[:, :, None]), 80, "GRAY")
    scale: Fraction = decoding_scale(gray.shape[0])
    least = {"min_height": int(gray.shape[0] * scale), "min_width": int(gray.shape[1] * scale)}
    decoded = simplejpeg.decode_jpeg(sent, "GRAY", min_factor=1, **least)
    return np.asarray(decoded[:, :, 0], np.uint8)


def zipped_pictures(path: Path, fps: float) -> Iterator[tuple[Gray, int]]:
    """The PNG pictures of an archive in the order of their names, and made-up times."""
    import cv2

    with zipfile.ZipFile(path) as archive:
        names = sorted(name for name in archive.namelist() if Path(name).name.startswith("b0"))
        for number, name in enumerate(names):
            with archive.open(name) as file:
                raw = np.frombuffer(io.BytesIO(file.read()).getbuffer(), np.uint8)
            gray = np.asarray(cv2.imdecode(raw, cv2.IMREAD_GRAYSCALE), np.uint8)
            yield gray, round(number / fps * SECOND)


def intervals(events: Iterable[EventStep], kind: str = "motion") -> list[Interval]:
    """Seconds since the first picture, of events that began at time 0."""
    return [(e.start_ns / SECOND, e.last_ns / SECOND) for e in events if e.kind == kind]


def _zones(
    labels: Labels | None, width: int, height: int
) -> dict[str, tuple[tuple[float, float], ...]]:
    if labels is None or labels.region is None:
        return {}
    left, top, wide, high = labels.region
    x, y = (left / width, (left + wide) / width), (top / height, (top + high) / height)
    return {"region": ((x[0], y[0]), (x[1], y[0]), (x[1], y[1]), (x[0], y[1]))}


def _overlap(one: Interval, other: Interval) -> bool:
    return one[0] <= other[1] and other[0] <= one[1]


def _common(one: Interval, other: Interval) -> float:
    return max(0.0, min(one[1], other[1]) - max(one[0], other[0]))
