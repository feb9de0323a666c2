"""The one check of a frame that comes from outside.

Frames from cameras, late frames, frames from other sites and the inputs of the fuzzer go through
it. Nothing here copies the JPEG.
"""

from __future__ import annotations

from camfan_config import Limits
from camfan_wire.bounds import check_bounds
from camfan_wire.errors import WireError
from camfan_wire.header import Header, decode_header
from camfan_wire.topics import LAYERS, frame_topic, layer_of
from camfan_wire.upright import SizeCache


class FrameCheck:
    """Checks the frames of one camera. Not safe for several threads.

    It remembers the run and the first bytes of the last frame, so that a frame like the last one
    is checked in a few microseconds.
    """

    def __init__(self, camera: str) -> None:
        self._camera = camera
        self._topics = tuple(frame_topic(camera, layer) for layer in range(LAYERS))
        self._run: str | None = None
        self._sizes = SizeCache()

    def read(self, topic: bytes, text: bytes, jpeg: memoryview, limits: Limits) -> Header:
        """The header of a frame that agrees with its topic, its JPEG and the limits of the site.

        Raises WireError, and nothing else, for any other bytes.
        """
        if len(text) > limits.header:
            raise WireError(
                "bad-header", f"a header of {len(text)} bytes; the limit is {limits.header}"
            )
        header = decode_header(text, self._camera, self._run)
        if header.camera != self._camera:
            raise WireError(
                "bad-topic", f"a frame of '{header.camera}' on a topic of '{self._camera}'"
            )
        if topic != self._topics[layer_of(header.sequence)]:
            raise WireError(
                "bad-topic",
                f"topic {topic[:80]!r}; frame {header.sequence} belongs to {header.topic!r}",
            )
        if header.size != len(jpeg):
            raise WireError("bad-size", f"{len(jpeg)} bytes of JPEG; the header says {header.size}")
        check_bounds(header.size, header.width, header.height, limits)
        width, height = self._sizes.upright_size(jpeg)
        if width != header.width or height != header.height:
            raise WireError(
                "bad-size",
                f"a JPEG of {width}x{height}; the header says {header.width}x{header.height}",
            )
        self._run = header.run
        return header
