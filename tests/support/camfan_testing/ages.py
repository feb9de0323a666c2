"""How old a picture really is, by the clock in it, beside what its source says."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import simplejpeg

from camfan_nodes.camera.source import CapturedFrame
from camfan_testing.rtp import age_of

SLACK_S = 0.005  # the clock in a picture is in milliseconds, and read a moment later


@dataclass(frozen=True, slots=True)
class SeenAge:
    """One picture when it arrived: ages in seconds, and its pixels."""

    true: float
    said: float
    error: float
    grey: npt.NDArray[np.uint8] = field(repr=False)

    @property
    def holds(self) -> bool:
        """Whether what is said is true."""
        return abs(self.true - self.said) <= self.error + SLACK_S


def look(picture: CapturedFrame) -> SeenAge:
    """Fails for a picture whose clock cannot be read."""
    said = (time.time_ns() - picture.captured_ns) / 1e9
    content = picture.content
    if isinstance(content, bytes):
        grey = np.asarray(simplejpeg.decode_jpeg(content, colorspace="GRAY")[:, :, 0])
    else:
        assert isinstance(content, np.ndarray)
        grey = content[:, :, 1]
    true = age_of(grey)
    assert true is not None, "the clock in the picture cannot be read"
    return SeenAge(true, said, picture.error_ns / 1e9, grey)
