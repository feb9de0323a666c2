"""How much a reader lets the broker send before it hears more: enough to fill the link, no more.

Frames that wait in a link grow old there. So a reader in `latest` keeps as many under way as one
round trip can carry, and one more: its link is full, and never queued. A reader in `every` wants
all frames anyway; it bounds the bytes that are under way or unread.
"""

from __future__ import annotations

from collections import deque

MAX_LATEST = 16  # frames
SLACK_NS = 2_000_000  # a queue this short harms nobody, and keeps a fast link busy
SAMPLES = 8  # transfer times remembered; the longest counts
EVERY_FRAMES = 64
EVERY_BYTES = 4_000_000


class LatestWindow:
    """The credit of a reader in `latest`. Belongs to the link's thread; all times in ns.

    A frame that was taken before its credit was given has waited at the broker for nothing but
    this credit. What passed between is then one round trip, and the transfer of the frames that
    were under way: that tells how long one takes. (Little's law: rate times delay are under way.)
    """

    def __init__(self) -> None:
        self._given: deque[tuple[int, int]] = deque()  # when, and how many were under way then
        self._transfers: deque[int] = deque(maxlen=SAMPLES)
        self.size = 1

    def restart(self, now: int) -> int:
        """A new subscription: what it may begin with."""
        self._given.clear()
        return self._give(self.size, now)

    def arrived(self, now: int, age: int | None, round_trip: int | None) -> int:
        """A frame of this age has come; how much credit to give now. None: not known."""
        if self._given:
            given, under_way = self._given.popleft()
            waited = age is not None and age > now - given
            if waited and round_trip is not None:
                self._measure(max(now - given - round_trip, 1) // under_way, round_trip)
        return self._give(self.size - len(self._given), now)

    def _measure(self, transfer: int, round_trip: int) -> None:
        self._transfers.append(max(transfer, 1))
        self.size = min(1 + (round_trip + SLACK_NS) // max(self._transfers), MAX_LATEST)

    def _give(self, frames: int, now: int) -> int:
        for _ in range(frames):
            self._given.append((now, len(self._given) + 1))
        return max(frames, 0)


class EveryWindow:
    """The credit of a reader in `every`, returned when a quarter of it has been read."""

    def __init__(self) -> None:
        self._frames = 0  # read, and not returned yet
        self._bytes = 0

    def restart(self, waiting_frames: int, waiting_bytes: int) -> tuple[int, int]:
        """A new subscription, while so much is unread: frames and bytes it may begin with."""
        self._frames = self._bytes = 0
        return max(EVERY_FRAMES - waiting_frames, 0), max(EVERY_BYTES - waiting_bytes, 1)

    def read(self, size: int) -> tuple[int, int] | None:
        """A frame of `size` bytes was read: frames and bytes to return now, if it is time."""
        self._frames += 1
        self._bytes += size
        if self._frames < EVERY_FRAMES // 4 and self._bytes < EVERY_BYTES // 4:
            return None
        returned = self._frames, self._bytes
        self._frames = self._bytes = 0
        return returned
