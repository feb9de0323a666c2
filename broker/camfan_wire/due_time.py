"""When the next frame of a camera is due, at a limited rate: for the broker and the pages alike."""

from __future__ import annotations

NS_PER_S = 1_000_000_000


def interval_ns(max_fps: float | None) -> int | None:
    """Between two frames at this rate; None without a limit."""
    return None if max_fps is None else int(NS_PER_S / max_fps)


class DueTime:
    """Of one camera and one receiver. Times are monotonic, in ns; due at once at first."""

    __slots__ = ("ns",)

    def __init__(self) -> None:
        self.ns = 0

    def sent(self, now_ns: int, interval_ns: int) -> None:
        """A frame was sent: the next one is due an interval later.

        Counted from when this one was due, so that frames that come a little late do not lower the
        rate; from now, if it was due half an interval ago or more.
        """
        late = now_ns - self.ns < interval_ns // 2
        self.ns = (self.ns if late else now_ns) + interval_ns
