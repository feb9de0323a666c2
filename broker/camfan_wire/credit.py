"""How many frames a reader lets be under way: enough to fill the link, and not more.

Frames that wait in a link grow old there. So a reader in `latest` keeps as many under way as one
round trip can carry, and one more: its link is full, and never queued. A reader in `every` wants
all frames anyway; it bounds the bytes that are under way or unread.
"""

from __future__ import annotations

from collections import deque

MAX_LATEST = 16  # frames
SLACK_NS = 2_000_000  # a queue this short does no harm, and keeps a fast link busy
SAMPLES = 8  # transfer times remembered; the longest counts
EASY_AFTER = 8  # frames in a row that did not wait for credit: the link carries all there are
EASY_LATEST = 4  # frames that may be under way then; three are given back at once
EVERY_FRAMES = 64
EVERY_BYTES = 4_000_000


class LatestWindow:
    """The credit of a reader in `latest`. Belongs to the link's thread; all times in ns.

    A frame that was taken before its credit was given has waited at the broker for nothing but
    this credit. What passed between is then a round trip and its transfer, and whatever was before
    it on the link. The time since the frame before it is its transfer, and whatever the link was
    empty. So its transfer takes no longer than either says; and what fits on the link at once is
    what its round trip can carry, and the one that is being sent (Little's law).

    Credit is given back when a quarter of it has been used: a message for each frame would cost as
    much as the rest of what is done with one. Where the link carries more than there is, no frame
    waits, whatever the credit; a few may lie ready there, so that one message serves three frames.
    The first frames that wait end that.
    """

    def __init__(self) -> None:
        self._given: deque[int] = deque()  # when the credit under way was given
        self._arrived_ns = 0
        self._transfers: deque[int] = deque(maxlen=SAMPLES)
        self._easy = 0  # frames in a row that did not wait
        self.size = 1

    def restart(self, now: int) -> int:
        """A new subscription: what it may begin with."""
        self._given.clear()
        return self._give(self.size, now)

    def arrived(self, now: int, age: int | None, round_trip: int | None) -> int:
        """A frame of this age has come; how much credit to give now. None: not known."""
        since_last, self._arrived_ns = now - self._arrived_ns, now
        if self._given:
            since_credit = now - self._given.popleft()
            if age is None or age > since_credit:
                self._easy = 0
                if age is not None and round_trip is not None:
                    self._measure(min(since_credit - round_trip, since_last), round_trip)
            else:
                self._easy += 1
        size, due = self.size, self.size // 4
        if self._easy >= EASY_AFTER and size < EASY_LATEST:
            size, due = EASY_LATEST, EASY_LATEST - 1
        missing = size - len(self._given)
        return self._give(missing, now) if missing >= due else 0

    def _measure(self, transfer: int, round_trip: int) -> None:
        self._transfers.append(max(transfer, 1))
        self.size = min(1 + (round_trip + SLACK_NS) // max(self._transfers), MAX_LATEST)

    def _give(self, frames: int, now: int) -> int:
        self._given.extend([now] * frames)
        return max(frames, 0)


class EveryWindow:
    """The credit of a reader in `every`, returned when a quarter of it has been read."""

    def __init__(self) -> None:
        self._frames = 0  # read, and not returned yet
        self._bytes = 0

    def restart(self, waiting_frames: int, waiting_bytes: int) -> tuple[int, int]:
        """Frames and bytes that a new subscription may begin with, while these are unread."""
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
