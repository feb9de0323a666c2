"""Makes a frame with its header out of a JPEG: size, limits, and times on the site's clock."""

from __future__ import annotations

import time

from camfan.frame import Frame
from camfan.ring.ring import StoredFrame
from camfan_config import Limits
from camfan_wire.bounds import check_bounds
from camfan_wire.clock import ClockEstimate, ClockOffset
from camfan_wire.header import Header
from camfan_wire.upright import SizeCache


class FrameBuilder:
    """Belongs to the thread that publishes."""

    def __init__(self, camera: str, run: str, limits: Limits, clock: ClockEstimate) -> None:
        self._camera = camera
        self._run = run
        self._limits = limits
        self._clock = clock
        self._sizes = SizeCache()

    def build(
        self,
        jpeg: bytes | memoryview,
        captured_ns: int | None,
        error_ns: int,
        sequence: int,
        unwanted: int,
        recorded: Frame | None = None,
    ) -> StoredFrame:
        """The frame with this sequence; `captured_ns` None: now.

        `unwanted` counts the earlier frames that no subscriber wanted. A frame of a recording keeps
        the offset of its clock. Raises WireError.
        """
        width, height = self._sizes.upright_size(jpeg)
        check_bounds(len(jpeg), width, height, self._limits)
        wall, monotonic = time.time_ns(), time.monotonic_ns()
        known = self._clock.offset()
        offset, error = _offset_of(known, wall - monotonic)
        if recorded is not None:
            offset, error = recorded.offset, recorded.error
        header = Header(
            version=1,
            camera=self._camera,
            run=self._run,
            sequence=sequence,
            captured=wall if captured_ns is None else captured_ns,
            offset=offset,
            error=None if error is None else error + error_ns,
            width=width,
            height=height,
            size=len(jpeg),
            unwanted=unwanted,
            epoch=None if known is None else known.epoch,
            replayed=recorded is not None,
        )
        # The caller may go on writing to what is not bytes.
        owned = jpeg if isinstance(jpeg, bytes) else bytes(jpeg)
        return StoredFrame(header, owned, wall - monotonic, error_ns=error_ns)


def _offset_of(
    known: ClockOffset | None, wall_minus_monotonic_ns: int
) -> tuple[int | None, int | None]:
    """Site clock minus our wall clock, and its bound; true also right after a step of ours."""
    if known is None:
        return None, None
    return known.offset_ns - wall_minus_monotonic_ns, known.error_ns
