"""A frame that a camera sends again, from its own ring."""

from __future__ import annotations

import time

import zmq

from camfan_broker.camera.camera import Camera
from camfan_broker.camera.ring import OVERHEAD_BYTES, Entry
from camfan_wire.errors import WireError
from camfan_wire.header import read_frame
from camfan_wire.topics import layer_of


def late_entry(camera: Camera, parts: list[zmq.Frame]) -> Entry:
    """The checked frame. Raises WireError for what is no late frame of this camera."""
    text, jpeg = parts[1].bytes, parts[2]
    header = read_frame(parts[0].bytes, text, jpeg.buffer)
    if header.camera != camera.name:
        raise WireError("not-allowed", f"a frame of {header.camera} from the node of {camera.name}")
    if not header.late:
        raise WireError("not-asked", "a frame that is not late belongs to ingest")
    size = header.size + len(text) + OVERHEAD_BYTES
    topic = camera.topics[layer_of(header.sequence)]
    return Entry(header, topic, text, jpeg, time.monotonic_ns(), size)
