"""Frames as a test reads them: by the check that the broker runs."""

from __future__ import annotations

from collections.abc import Sequence

from camfan_config import Limits
from camfan_wire.bounds import WIDEST
from camfan_wire.errors import WireError
from camfan_wire.frame_check import FrameCheck
from camfan_wire.header import Header
from camfan_wire.topics import camera_of


def read_frame(parts: Sequence[bytes | memoryview], limits: Limits = WIDEST) -> Header:
    """The header of a message that is an acceptable frame. Raises WireError, and nothing else."""
    if len(parts) != 3:
        raise WireError("bad-parts", f"a frame has 3 parts, this message has {len(parts)}")
    topic, text, jpeg = (bytes(part) for part in parts)
    return FrameCheck(camera_of(topic)).read(topic, text, memoryview(jpeg), limits)
