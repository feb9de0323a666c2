"""Whether a Publisher may publish its camera: a camera has one publisher at a time."""

from __future__ import annotations

import time
from collections.abc import Callable

from camfan_wire.messages import PUBLISHED, TAKEN_OVER, Refused

FINAL_S = 2.5  # a refusal counts after this time: the other publisher may just be ending


class Claim:
    """Written by the link's thread, read by any."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._refusal: tuple[str, float, float] | None = None  # reason; refused first, and last

    def refuse(self, message: Refused) -> None:
        """The broker has refused something; what is not about publishing is ignored."""
        now = self._monotonic()
        if message.code == TAKEN_OVER:
            self._refusal = message.reason, now - FINAL_S, now
        elif message.code == PUBLISHED:
            reason, first, _ = self._refusal or (message.reason, now, now)
            self._refusal = reason, first, now

    def grant(self) -> None:
        """The broker has accepted the publisher."""
        self._refusal = None

    @property
    def lost(self) -> str | None:
        """Why another process publishes the camera, in a sentence; None: this one may."""
        if self._refusal is None:
            return None
        reason, first, last = self._refusal
        return reason if last - first >= FINAL_S else None
