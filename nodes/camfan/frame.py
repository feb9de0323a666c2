"""A frame as a subscriber gets it: the JPEG, its header, and its age.

A JPEG is decoded only on request, and at full size only once.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from camfan.errors import ImageError
from camfan_wire.clock import ClockEstimate
from camfan_wire.header import Header, Position

Image = NDArray[np.uint8]

_SCALES = tuple(Fraction(n, 8) for n in range(1, 9))  # what scaled DCT decoding offers


FUTURE_NS = 50_000_000  # beyond all errors: no quartz goes wrong by so much between two probes


class Age(NamedTuple):
    """How long ago a frame was captured. The true age is within `seconds` ± `error`.

    Attributes:
        seconds: the age in seconds.
        error: bound of its error, in seconds.
    """

    seconds: float
    error: float

    def __str__(self) -> str:
        if self.error > abs(self.seconds):
            return f"< {_milliseconds(self.seconds + self.error)} ms"
        if self.seconds < 1:
            step = 10 if self.error >= 0.05 else 1
            return f"{_milliseconds(self.seconds, step)} ms ±{_milliseconds(self.error, step)}"
        return f"{self.seconds:.1f} s ±{max(self.error, 0.1):.1f}"


def _milliseconds(seconds: float, step: int = 1) -> int:
    return max(round(seconds * 1000 / step), 1) * step


class Frame:
    """One JPEG frame with its header. Safe to hand to other threads.

    Attributes:
        jpeg: the JPEG as the camera published it, bytes-like, not copied.
    """

    __slots__ = ("_clock", "_header", "_image", "jpeg")

    def __init__(
        self, header: Header, jpeg: bytes | memoryview, clock: ClockEstimate | None = None
    ) -> None:
        self._header = header
        self._clock = clock
        self._image: Image | None = None
        self.jpeg = jpeg

    @property
    def camera(self) -> str:
        """Name of the camera in the site file."""
        return self._header.camera

    @property
    def run(self) -> str:
        """One run of the camera process, 16 hexadecimal digits; sequences count within it."""
        return self._header.run

    @property
    def sequence(self) -> int:
        """Number of the frame within its run: 0, 1, 2, …; a number that is missing is a loss."""
        return self._header.sequence

    @property
    def position(self) -> Position:
        """Run and sequence, as `Subscriber.every(since=…)` takes it."""
        return self._header.position

    @property
    def captured(self) -> int:
        """When the frame was captured: ns since 1970 on the wall clock of the camera's machine.

        It is the `captured_ns` that was given to `Publisher.publish`. Clocks of two cameras may
        differ; `site_time` is the same instant on one clock.
        """
        return self._header.captured

    @property
    def offset(self) -> int | None:
        """The broker's clock minus the camera's, in ns; None while the camera does not know it."""
        return self._header.offset

    @property
    def error(self) -> int | None:
        """`site_time` is true within ± this many ns; None exactly when `offset` is."""
        return self._header.error

    @property
    def site_time(self) -> int | None:
        """When the frame was captured: ns since 1970 on the broker's clock; None while unknown."""
        offset = self._header.offset
        return None if offset is None else self._header.captured + offset

    @property
    def is_of_another_epoch(self) -> bool:
        """True: the broker's clock was set between what the camera and this reader know of it.

        `site_time` is then true on the clock that the camera knew, and cannot be compared.
        """
        ours, theirs = self._clock.offset() if self._clock else None, self._header.epoch
        return ours is not None and theirs is not None and ours.epoch != theirs

    @property
    def width(self) -> int:
        """Pixels, as stored in the JPEG."""
        return self._header.width

    @property
    def height(self) -> int:
        """Pixels, as stored in the JPEG."""
        return self._header.height

    @property
    def late(self) -> bool:
        """True: sent from the camera's ring after an outage, not when it was taken."""
        return self._header.late

    @property
    def replayed(self) -> bool:
        """True: from a recording, so its times are those of then."""
        return self._header.replayed

    @property
    def age(self) -> Age | None:
        """Now minus the time of capture; None while the clock of the camera or of this reader is
        unknown, or was set a moment ago, so that the frame seems to be from the future.
        """
        captured = self.site_time
        ours = self._clock.offset() if self._clock else None
        if captured is None or ours is None or self._clock is None or self.is_of_another_epoch:
            return None
        age_ns = self._clock.site_ns() - captured
        error_ns = (self._header.error or 0) + ours.error_ns
        return None if age_ns + error_ns < -FUTURE_NS else Age(age_ns / 1e9, error_ns / 1e9)

    def image(self) -> Image:
        """BGR image, uint8, (height, width, 3). Raises ImageError."""
        if self._image is None:
            self._image = _decode(self, "BGR", Fraction(1))
        return self._image

    def gray(self, scale: float | Fraction = 1) -> Image:
        """Grey image, uint8, (height * scale, width * scale), rounded up.

        `scale` is a multiple of 1/8 up to 1; decoding at a scale costs less than decoding whole.
        Raises ImageError, and ValueError for another scale.
        """
        fraction = Fraction(scale).limit_denominator(8)
        if fraction not in _SCALES or abs(fraction - Fraction(scale)) > Fraction(1, 10_000):
            raise ValueError(f"scale {scale} is not a multiple of 1/8 between 1/8 and 1")
        return _decode(self, "GRAY", fraction)[:, :, 0]

    def __repr__(self) -> str:
        return (
            f"Frame({self.camera!r}, {self.run}, {self.sequence}, {self.width}x{self.height}, "
            f"{len(self.jpeg)} bytes)"
        )


def _decode(frame: Frame, colorspace: str, scale: Fraction) -> Image:
    # strict=False: cheap webcams write stray bytes that every decoder skips. simplejpeg picks the
    # scale up from the asked size, so a size rounded down gives the scale that was meant.
    height = max(1, int(frame.height * scale))
    width = max(1, int(frame.width * scale))
    arguments: dict[str, Any] = {"colorspace": colorspace, "fastdct": scale < 1, "strict": False}
    if scale < 1:
        arguments |= {"min_height": height, "min_width": width, "min_factor": 1}
    try:
        picture: Image = simplejpeg.decode_jpeg(frame.jpeg, **arguments)
    except (ValueError, RuntimeError, MemoryError) as exc:
        raise ImageError(f"{frame!r} cannot be decoded: {exc}") from exc
    return picture
