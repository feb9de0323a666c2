"""Late frames: what a camera sends from its own ring, after an outage."""

from __future__ import annotations

import time

import zmq

from camfan_broker.camera.camera import TrackedCamera
from camfan_broker.camera.ring import OVERHEAD_BYTES, RingEntry
from camfan_config import Limits
from camfan_wire.errors import WireError
from camfan_wire.header import Header
from camfan_wire.topics import camera_of, layer_of


def late_frame(camera: TrackedCamera, parts: list[zmq.Frame], limits: Limits) -> RingEntry:
    """The checked frame. Raises WireError for anything but a late frame of this camera."""
    topic, text, jpeg = parts[0].bytes, parts[1].bytes, parts[2]
    if camera_of(topic) != camera.name:
        raise WireError("not-allowed", f"a frame on {topic[:80]!r} from the node of {camera.name}")
    header = camera.frame_check.read(topic, text, jpeg.buffer, limits)
    if not header.late:
        raise WireError("not-asked", "a frame that is not late belongs on the ingest port")
    return late_entry(camera, header, text, jpeg)


def late_entry(camera: TrackedCamera, header: Header, text: bytes, jpeg: zmq.Frame) -> RingEntry:
    """An entry that is not in the ring, of a checked frame."""
    size = header.size + len(text) + OVERHEAD_BYTES
    return RingEntry(
        header, camera.topics[layer_of(header.sequence)], text, jpeg, time.monotonic_ns(), size
    )
