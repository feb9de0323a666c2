"""The credit of a subscriber: how much it can take."""

from __future__ import annotations

from camfan_wire.messages import MAX_CREDIT, Subscribe


class CreditBalance:
    """Frames, and in mode `every` bytes, that may still be sent."""

    def __init__(self, wishes: Subscribe) -> None:
        self.frames = wishes.credit
        self.unreturned = 0  # frames that went out since the subscriber returned credit
        self.window = wishes.window  # bytes that may be under way; None: no limit
        self._full_window = wishes.window or 0

    @property
    def is_open(self) -> bool:
        """Something may be sent."""
        return self.frames > 0 and (self.window is None or self.window > 0)

    def add(self, frames: int, size: int) -> None:
        """The subscriber can take this many more frames and bytes."""
        self.unreturned = 0
        self.frames = min(self.frames + frames, MAX_CREDIT)
        if self.window is not None:
            self.window = min(self.window + size, self._full_window)

    def spend(self, size: int) -> None:
        """A frame of this size went out."""
        self.frames -= 1
        self.unreturned += 1
        if self.window is not None:
            self.window -= size
