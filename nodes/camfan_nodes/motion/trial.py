"""Motion detection tried on a video: the events found, and where motion was."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from camfan_config import Motion
from camfan_nodes.motion.detector import Detector
from camfan_nodes.motion.event_steps import EventStep
from camfan_nodes.motion.pictures import Gray
from camfan_nodes.motion.video import Video
from camfan_nodes.motion.zones import Points

SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Trial:
    """The result of a trial."""

    events: tuple[EventStep, ...]  # each as it ended, the earliest first
    length_s: float
    frames: int  # looked at
    picture: Gray  # the last one
    heat: NDArray[np.float32]  # share of the frames in which a pixel was part of motion


def run(
    video: Video,
    motion: Motion,
    *,
    zones: Mapping[str, Points],
    masks: Mapping[str, Points],
    progress: Callable[[float], None] = lambda _: None,
) -> Trial:
    """Watch the whole video; `progress` hears how many seconds of it are done."""
    detector = Detector(motion, zones=zones, masks=masks)
    changes: list[EventStep] = []
    heat = np.zeros((1, 1), np.float32)
    frames = 0
    for shot in video.pictures(motion.fps):
        changes += detector.feed(shot.gray, round(shot.at_s * SECOND))
        frames += 1
        found = detector.found
        if found is not None:
            if heat.shape != found.counted.shape:
                heat = np.zeros(found.counted.shape, np.float32)
            heat += found.counted
        progress(shot.at_s)
    changes += detector.close()
    ended = sorted((c for c in changes if c.state == "end"), key=lambda c: c.start_ns)
    return Trial(tuple(ended), shot.at_s, frames, shot.gray, heat / np.float32(frames))
