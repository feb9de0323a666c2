"""How many frames may be under way to one page: as many as it takes at once, and no more.

A page acknowledges each frame that it has painted. While that takes no longer than on an idle link,
one more may be under way; if it takes much longer, frames wait somewhere on the way and grow old
there, and the window is halved. So a slow link has one frame under way and a second at most,
whatever its speed.
"""

from __future__ import annotations

from collections import deque

# Beyond the round trip of the idle link; the page takes 25 to 50 ms (connection_worker.js).
QUICK_S = 0.08
SLOW_S = 0.15
MOST = 64
SMOOTH = 0.2  # weight of the newest time in the smoothed one


class SendWindow:
    """Times are monotonic seconds."""

    def __init__(self) -> None:
        self.size = 1
        self.round_trip_s = 0.0  # of the idle link, as the page has measured it
        self.taken_s: float | None = None  # from sending to painting, smoothed
        self._under_way: deque[tuple[float, bool]] = deque()  # when sent; filled the window
        self._halved_s = 0.0

    @property
    def under_way(self) -> int:
        return len(self._under_way)

    @property
    def open(self) -> bool:
        return len(self._under_way) < self.size

    def sent(self, now_s: float) -> None:
        self._under_way.append((now_s, len(self._under_way) + 1 >= self.size))

    def acknowledged(self, count: int, now_s: float) -> None:
        """The page has painted or dropped this many; more than were sent are ignored."""
        for _ in range(min(count, len(self._under_way))):
            sent_s, filled = self._under_way.popleft()
            took_s = now_s - sent_s
            self.taken_s = (
                took_s if self.taken_s is None else self.taken_s + SMOOTH * (took_s - self.taken_s)
            )
            if took_s <= self.round_trip_s + QUICK_S:
                if filled:  # otherwise it says nothing about a full window
                    self.size = min(self.size + 1, MOST)
            elif took_s > self.round_trip_s + SLOW_S and sent_s >= self._halved_s:
                self.size = max(1, self.size // 2)
                self._halved_s = now_s
