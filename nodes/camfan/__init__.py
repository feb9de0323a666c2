"""camfan for your own code: read the newest frame, or every frame, of any camera of a site.

>>> from camfan import Subscriber
>>> with Subscriber("site.yaml", cameras=["driveway"]) as frames:  # doctest: +SKIP
...     for frame in frames:
...         print(frame.sequence, frame.age, frame.image().shape)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from camfan.errors import (
    AlreadyPublishedError,
    ClosedError,
    EndpointError,
    ImageError,
    KeyMissingError,
    NotCustomError,
    RefusedError,
    UnknownCameraError,
)
from camfan.event_publisher import EventPublisher
from camfan.event_subscriber import EventSubscriber
from camfan.frame import Age, Frame
from camfan.publisher import Publisher
from camfan.recording.errors import FrameLostError, IndexDamagedError, RecordingError
from camfan.subscriber import Subscriber
from camfan.upright import upright
from camfan_config import Site, SiteError, load_site
from camfan_config.errors import CamfanError
from camfan_wire.errors import NotUprightError, WireError
from camfan_wire.header import Position
from camfan_wire.keys import KeyFileError
from camfan_wire.messages import Event, Gap, Report, Status

if TYPE_CHECKING:
    from camfan.recording.past import RecordedClip, RecordedGap, RecordedSpan
    from camfan.recording.recording import Recording

__all__ = [
    "Age",
    "AlreadyPublishedError",
    "CamfanError",
    "ClosedError",
    "EndpointError",
    "Event",
    "EventPublisher",
    "EventSubscriber",
    "Frame",
    "FrameLostError",
    "Gap",
    "ImageError",
    "IndexDamagedError",
    "KeyFileError",
    "KeyMissingError",
    "NotCustomError",
    "NotUprightError",
    "Position",
    "Publisher",
    "RecordedClip",
    "RecordedGap",
    "RecordedSpan",
    "Recording",
    "RecordingError",
    "RefusedError",
    "Report",
    "Site",
    "SiteError",
    "Status",
    "Subscriber",
    "UnknownCameraError",
    "WireError",
    "load_site",
    "upright",
]

_OF_RECORDINGS = {
    "RecordedClip": "past",
    "RecordedGap": "past",
    "RecordedSpan": "past",
    "Recording": "recording",
}


def __getattr__(name: str) -> object:
    """What reads recordings is imported when it is used: a camera does not need SQLite."""
    if name not in _OF_RECORDINGS:
        raise AttributeError(f"module 'camfan' has no attribute {name!r}")
    found: object = getattr(import_module(f"camfan.recording.{_OF_RECORDINGS[name]}"), name)
    return found
