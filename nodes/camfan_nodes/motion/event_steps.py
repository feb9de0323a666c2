"""What the detector reports: the start, updates and the end of events."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from camfan_nodes.motion.blobs import Box

Kind = Literal["motion", "lighting", "camera-moved", "camera-covered"]
State = Literal["start", "update", "end"]


class EventStep(Struct, frozen=True, kw_only=True):
    """One step in the life of one event. All times are capture times of frames, in ns."""

    kind: Kind
    state: State
    number: int  # of the event: 1, 2, 3 … within a detector
    time_ns: int  # of the frame that showed it
    start_ns: int  # first frame of the event
    last_ns: int  # last frame so far in which it was seen; of an `end`: its last frame
    peak_ns: int  # the frame in which most of it was seen
    boxes: tuple[Box, ...] = ()  # now; of an `end`: at the peak
    area: float = 0.0  # share of the picture, now; of an `end`: at the peak
    zones: tuple[str, ...] = ()  # touched so far
    score: float = 0.0  # 0 to 1, how clearly it has stood out so far
