"""What became of the frames of one camera, for one subscriber.

Numbered = delivered + skipped + lost + held, at any moment: each frame that the camera has numbered
since the subscriber began is one of the four. An account outlives connections.
"""

from __future__ import annotations

from collections import Counter, deque

from camfan_broker.camera.frame_log import FrameLog
from camfan_broker.camera.ring import RingEntry
from camfan_wire.header import Position
from camfan_wire.messages import Gap, Outcome

LOGGED = 1024  # deliveries in mode `latest` that can be traced
GAPS = 64  # that can be traced
NOT_WANTED = "not-wanted"
NEWER = "newer"
MAX_FPS = "max-fps"
UNSEEN = "not-received"


class Account:
    """Belongs to the loop's thread; others may read its plain counts."""

    def __init__(self) -> None:
        self.delivered = 0
        self.delivered_bytes = 0
        self.late = 0  # of those, late frames
        self.repeated = 0  # sent again, because a connection broke before they were confirmed
        self.skipped: Counter[str] = Counter()  # by reason
        self.lost: Counter[str] = Counter()  # by reason
        self.run: str | None = None
        self.sequence = -1  # the last that was accounted for, of that run
        self.first: Position | None = None  # the first that was accounted for
        self.gaps: deque[Gap] = deque(maxlen=GAPS)
        self.log = FrameLog(LOGGED)

    def newest_went(self, entry: RingEntry, *, now: int) -> None:
        """A frame of mode `latest` was delivered."""
        header = entry.header
        if header.run != self.run:
            self.log.clear()
        self.run, self.sequence = header.run, header.sequence
        self.log.add(header.sequence, now)
        self.delivered += 1
        self.delivered_bytes += header.size

    def frame_went(self, entry: RingEntry, *, late: bool) -> None:
        """A frame of mode `every` was delivered."""
        header = entry.header
        if header.run == self.run and header.sequence <= self.sequence:
            self.repeated += 1
            return
        self.first = self.first or header.position
        self.run, self.sequence = header.run, header.sequence
        self.delivered += 1
        self.delivered_bytes += header.size
        self.late += late

    def gap_went(self, gap: Gap) -> int:
        """A gap was delivered; how many frames it accounts for."""
        if gap.run == self.run and gap.last is not None and gap.last <= self.sequence:
            return 0  # sent again
        self.gaps.append(gap)
        if gap.last is None:
            return 0
        self.first = self.first or Position(gap.run, gap.first)
        self.run, self.sequence = gap.run, gap.last
        count = gap.last - gap.first + 1
        (self.skipped if gap.reason == NOT_WANTED else self.lost)[gap.reason] += count
        return count

    def outcome(self, position: Position) -> tuple[Outcome, str | None]:
        """What became of a frame in mode `every`: an outcome, and its reason."""
        for gap in self.gaps:
            within = gap.last is None or position.sequence <= gap.last
            if gap.run == position.run and gap.first <= position.sequence and within:
                return ("skipped" if gap.reason == NOT_WANTED else "lost"), gap.reason
        first = self.first
        if first is not None and first.run == position.run and position.sequence < first.sequence:
            return "unknown", "before it subscribed"
        if position.run == self.run:
            return ("delivered" if position.sequence <= self.sequence else "held"), None
        return "unknown", "of another run"
