"""How the frames of a camera of another site become frames of this site."""

from __future__ import annotations

import threading
import time

from msgspec.structs import replace

from camfan_config import Limits
from camfan_wire.clock import ClockEstimate, SiteClock
from camfan_wire.header import MAX_COUNT, MAX_NS, Header, Position


class UpstreamCameraMap:
    """Translates the headers of one camera. Safe on any thread."""

    def __init__(self, local: str, clock: SiteClock, limits: Limits) -> None:
        self.local = local
        self.limits = limits  # of this site
        self.whole = False  # a subscriber here has to get every frame
        self.newest: Position | None = None
        self._clock = clock
        self._lock = threading.Lock()
        self._unwanted = 0  # of the run, as the newest header said
        self._not_fetched = 0  # frames of the run that are not wanted here

    def take(self, header: Header, there: ClockEstimate) -> Header | None:
        """The header of a new frame here; None for a frame that is not new."""
        with self._lock:
            if self.newest is None or self.newest.run != header.run:
                last, unwanted, not_fetched = -1, 0, 0
            else:
                last, unwanted, not_fetched = (
                    self.newest.sequence,
                    self._unwanted,
                    self._not_fetched,
                )
            if header.sequence <= last:
                return None
            if not self.whole:
                not_fetched += max(header.sequence - last - 1 - (header.unwanted - unwanted), 0)
            self.newest, self._unwanted, self._not_fetched = (
                header.position,
                header.unwanted,
                not_fetched,
            )
        return self.translate(header, there)

    def ago_ns(self, site_ns: int) -> int:
        """How long ago a time of this site's clock was."""
        return max(0, self._clock.now_ns() - site_ns)

    def translate(self, header: Header, there: ClockEstimate, *, late: bool = False) -> Header:
        """The header on the clock of this site; `there`: the clock of the other one."""
        known, offset, error = there.offset(), header.offset, header.error
        if known is None or offset is None or error is None:
            offset = error = None
        else:
            ahead = self._clock.now_ns() - time.monotonic_ns() - known.offset_ns
            offset, error = offset + ahead, error + known.error_ns
            if not (-MAX_NS <= offset <= MAX_NS and error <= MAX_NS):
                offset = error = None  # no clock is that far off: nothing is known
        return replace(
            header,
            camera=self.local,
            offset=offset,
            error=error,
            epoch=None if offset is None else self._clock.epoch,
            late=late,
            unwanted=min(header.unwanted + self._not_fetched, MAX_COUNT),
        )
